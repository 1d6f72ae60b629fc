# Sourced by the scripts that run experiments, with the checkout in $root: sets the environment up,
# names its Python $python, and goes to the checkout.

. "$root/scripts/paths.sh"
venv=$(absolute "${GRUSTAB_VENV:-$root/.venv}")
# By bash: a copy that did not come by git may have lost who may execute what.
GRUSTAB_VENV=$venv bash "$root/scripts/setup.sh"
unset PYTHONHOME PYTHONPATH PYTHONSAFEPATH
python=$venv/bin/python
cd -- "$root"
