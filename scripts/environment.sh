# Sourced by the scripts that run experiments, with the checkout in $root: sets the environment up,
# names its Python $python, and goes to the checkout.

# A relative folder is the caller's; setup.sh reads it in the same way.
venv=${GRUSTAB_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
GRUSTAB_VENV=$venv "$root/scripts/setup.sh"
unset PYTHONHOME PYTHONPATH PYTHONSAFEPATH
python=$venv/bin/python
cd -- "$root"
