# Sourced by the other scripts: paths, variables, --help. All of them run under bash 3.2 (macOS).

absolute() { # a path as a person gave it: from where they are; ~ also where no shell has seen it
    case $1 in
        '~/'*) echo ~/"${1#??}" ;;
        /*) echo "$1" ;;
        *) echo "$PWD/$1" ;;
    esac
}

help_if_asked() { # shows the comment at the head of the script that was called
    case ${1:-} in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;; esac
}

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
export GRUSTAB_VENV=$(absolute "${GRUSTAB_VENV:-$root/.venv}")
if [ -n "${GRUSTAB_DATA:-}" ]; then export GRUSTAB_DATA=$(absolute "$GRUSTAB_DATA"); fi
python=$GRUSTAB_VENV/bin/python
unset PYTHONHOME
[ -n "${CUPY_CACHE_DIR:-}" ] || [ -w "${HOME:-}" ] || export CUPY_CACHE_DIR=$GRUSTAB_VENV/cupy-cache
export PYTHONPATH=$root # this checkout's packages, whatever the current folder is
