#!/usr/bin/env bash
# Lints and tests; sets the environment up first where it is not there yet.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/test.sh [--all-pythons | --all-kernels | --faults] [PYTEST-ARGUMENT...]

Runs ruff and then pytest in .venv (see scripts/setup.sh), on all cores, e.g. scripts/test.sh -k gru.

  --all-pythons   on each Python from 3.11 on that is found (on the PATH and with pyenv), each in
                  its own .venv-3.X, with a summary at the end
  --all-kernels   with each of OpenBLAS's kernels that this machine can execute: a processor with
                  AVX-512 computes as older ones do; OPENBLAS_NUM_THREADS=2 before it takes two
                  threads
  --faults        instead of all that, the fault suite (tests/faults, some ten minutes on two cores):
                  kills, full disks, lost workers, hostile files; writes its figures to
                  results/faults/
  -h, --help      show this

Exit status: 0 all passed, 1 something failed, 2 the set-up failed.
EOF
}

all='' kernels='' faults=''
case ${1:-} in
    -h | --help)
        usage
        exit 0
        ;;
    --all-pythons)
        all=yes
        shift
        ;;
    --all-kernels)
        kernels=yes
        shift
        ;;
    --faults)
        faults=yes
        shift
        ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/paths.sh"
venv=$(absolute "${GRUSTAB_VENV:-$root/.venv}")
cd -- "$root"

# The matrices of the tests are small: more threads cost more than they bring.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}" VECLIB_MAXIMUM_THREADS="${VECLIB_MAXIMUM_THREADS:-1}"
export MPLBACKEND=Agg

pytest=("$venv/bin/python" -m pytest -q -n auto --dist loadgroup)

if [ -n "$faults" ]; then
    GRUSTAB_VENV=$venv bash scripts/setup.sh
    status=0
    "$venv/bin/python" -m pytest -q tests/faults "$@" || status=1
    exit $status
fi

last_line=$(mktemp)
trap 'rm -f "$last_line"' EXIT
summary='' status=0

if [ -n "$kernels" ]; then
    GRUSTAB_VENV=$venv bash scripts/setup.sh
    while read -r kernel kept_back <&3; do
        printf '\n== kernel %s\n' "$kernel"
        if OPENBLAS_CORETYPE=$kernel NPY_DISABLE_CPU_FEATURES=${kept_back#-} \
            "${pytest[@]}" "$@" | tee "$last_line"; then result=passed; else
            result=FAILED status=1
        fi
        summary="$summary$(printf '%-12s %s: %s' "$kernel" $result "$(tail -n 1 "$last_line")")
"
    done 3< <("$venv/bin/python" -m tests.kernels)
    if [ -z "$summary" ]; then
        echo "test: OpenBLAS's kernels could not be tried." >&2
        exit 2
    fi
    printf '\n%-12s result, %s BLAS threads\n%s' kernel "$OPENBLAS_NUM_THREADS" "$summary"
    exit $status
fi

if [ -z "$all" ]; then
    GRUSTAB_VENV=$venv bash scripts/setup.sh
    status=0
    "$venv/bin/python" -m ruff check . || status=1
    "${pytest[@]}" "$@" || status=1
    exit $status
fi

seen=' '
for python in python3.11 python3.12 python3.13 python3.14 \
    "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.*/bin/python3; do
    # pyenv puts a python3.X on the PATH that only says that it is not active.
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $minor in 3.[0-9] | 3.10) continue ;; esac
    case $seen in *" $minor "*) continue ;; esac
    seen="$seen$minor "

    printf '\n== Python %s\n' "$minor"
    if GRUSTAB_VENV=$venv-$minor bash scripts/setup.sh --python "$python"; then
        numpy=$("$venv-$minor/bin/python" -c 'import numpy; print(numpy.__version__)')
        if GRUSTAB_VENV=$venv-$minor bash scripts/test.sh "$@" 2>&1 | tee "$last_line"; then result=passed; else result=FAILED; fi
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
