#!/usr/bin/env bash
# Lints and tests; sets the environment up first where it is not there yet.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/test.sh [--all-pythons | --faults] [PYTEST-ARGUMENT...]

Runs ruff and then pytest in .venv (see scripts/setup.sh), e.g. scripts/test.sh -k gru.

  --all-pythons   on each Python from 3.11 on that is found (on the PATH and with pyenv), each in
                  its own .venv-3.X, with a summary at the end
  --faults        instead of all that, the fault suite (tests/faults, some ten minutes on two cores):
                  kills, full disks, lost workers, hostile files; installs requirements-cluster.txt
                  into .venv too and writes its figures to results/faults/
  -h, --help      show this

Exit status: 0 all passed, 1 something failed, 2 the set-up failed.
EOF
}

all='' faults=''
case ${1:-} in
    -h | --help)
        usage
        exit 0
        ;;
    --all-pythons)
        all=yes
        shift
        ;;
    --faults)
        faults=yes
        shift
        ;;
esac

venv=${GRUSTAB_VENV:-}
case $venv in '' | /*) ;; *) venv=$PWD/$venv ;; esac
cd -- "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv=${venv:-$PWD/.venv}

# The matrices of the tests are small: more threads cost more than they bring.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}" VECLIB_MAXIMUM_THREADS="${VECLIB_MAXIMUM_THREADS:-1}"
export MPLBACKEND=Agg

if [ -n "$faults" ]; then
    GRUSTAB_VENV=$venv scripts/setup.sh
    # As scripts/setup.sh does it: whatever index pip is set to, nothing that leads past the pins.
    unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_HASHES PIP_CONSTRAINT PIP_BUILD_CONSTRAINT
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_COLOR=1
    if ! "$venv/bin/python" -m pip install -q -r requirements-cluster.txt; then
        echo "test: the packages of requirements-cluster.txt could not be installed." >&2
        exit 2
    fi
    status=0
    "$venv/bin/python" -m pytest -q tests/faults "$@" || status=1
    exit $status
fi

if [ -z "$all" ]; then
    GRUSTAB_VENV=$venv scripts/setup.sh
    status=0
    "$venv/bin/python" -m ruff check . || status=1
    "$venv/bin/python" -m pytest -q "$@" || status=1
    exit $status
fi

last_line=$(mktemp)
trap 'rm -f "$last_line"' EXIT
summary='' seen=' ' status=0
for python in python3.11 python3.12 python3.13 python3.14 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
    # pyenv puts a python3.X on the PATH that only says that it is not active.
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $minor in 3.[0-9] | 3.10) continue ;; esac
    case $seen in *" $minor "*) continue ;; esac
    seen="$seen$minor "

    printf '\n== Python %s\n' "$minor"
    if GRUSTAB_VENV=$venv-$minor scripts/setup.sh --python "$python"; then
        numpy=$("$venv-$minor/bin/python" -c 'import numpy; print(numpy.__version__)')
        if GRUSTAB_VENV=$venv-$minor scripts/test.sh "$@" 2>&1 | tee "$last_line"; then result=passed; else result=FAILED; fi
        result="$result: $(tail -n 1 "$last_line")"
    else
        numpy=- result='FAILED: set-up'
    fi
    case $result in FAILED*) status=1 ;; esac
    summary="$summary$(printf '%-8s %-8s %s' "$minor" "$numpy" "$result")
"
done
if [ -z "$summary" ]; then
    echo "test: found no Python from 3.11 on." >&2
    exit 2
fi
printf '\n%-8s %-8s %s\n%s' Python NumPy result "$summary"
exit $status
