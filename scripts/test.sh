#!/usr/bin/env bash
# Usage: scripts/test.sh [--all-pythons | --all-kernels | --faults] [PYTEST-ARGUMENT...]
#
# Sets up .venv (see scripts/setup.sh), then runs ruff, and pytest on all cores.
#
#   --all-pythons   only pytest, with each Python from 3.11 to 3.14 that is on the PATH or that
#                   pyenv installed, in folders .venv-3.X
#   --all-kernels   only pytest, with each of OpenBLAS's kernels that this processor can execute:
#                   older processors round differently; with OPENBLAS_NUM_THREADS=2, on two threads
#   --faults        only the fault suite (tests/faults, some minutes): runs killed at random moments
#                   and full disks; writes its figures to results/faults/
#
# Exit status: 0 all passed, 1 something failed, 2 the set-up failed.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
mode=${1:-}
case $mode in --all-pythons | --all-kernels | --faults) shift ;; *) mode='' ;; esac
cd -- "$root"

# The matrices of the tests are small: more threads cost more than they bring.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}" VECLIB_MAXIMUM_THREADS="${VECLIB_MAXIMUM_THREADS:-1}"
export MPLBACKEND=Agg

tests() { "$python" -m pytest -q -n auto --dist loadgroup "$@"; }
on_kernel() { OPENBLAS_CORETYPE=$1 NPY_DISABLE_CPU_FEATURES=${2#-} tests "${@:3}"; }
on_python() {
    export GRUSTAB_VENV=$GRUSTAB_VENV-$1
    python=$GRUSTAB_VENV/bin/python
    bash scripts/setup.sh --python "python$1" && tests "${@:2}"
}

output=$(mktemp) summary='' status=0
trap 'rm -f "$output"' EXIT
try() { # a label, then a command: its last line goes to the summary
    printf '\n== %s\n' "$1"
    local result=passed
    "${@:2}" 2>&1 | tee "$output" || result=FAILED status=1
    summary="$summary$1 $result: $(tail -n 1 "$output")"$'\n'
}

[ "$mode" = --all-pythons ] || bash scripts/setup.sh
case $mode in
    --all-pythons)
        # Before pyenv's own commands, which may only say that a version is not active.
        PATH=$(printf '%s:' "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[1-4].*/bin)$PATH
        for minor in 3.11 3.12 3.13 3.14; do
            if "python$minor" -c '' 2>/dev/null; then try "Python $minor" on_python "$minor" "$@"; fi
        done
        ;;
    --all-kernels)
        while read -r kernel features <&3; do
            try "$kernel" on_kernel "$kernel" "$features" "$@"
        done 3< <("$python" -m tests.kernels)
        ;;
    --faults) "$python" -m pytest -q tests/faults "$@" || status=1 ;;
    *)
        "$python" -m ruff check . || status=1
        tests "$@" || status=1
        ;;
esac
case $mode in --all-*) printf '\n%s' "${summary:?could not be made: nothing was found to try}" ;; esac
exit $status
