#!/usr/bin/env bash
# Usage: scripts/check_gpu.sh [OUT]
#
# The first ten minutes on a machine with a GPU: does the package compute there what it computes on a
# CPU, and how fast? Set up first, with scripts/setup.sh --gpu cuda12x (or cuda13x), and fetch the data
# with scripts/fetch_data.sh. Each step writes its output to OUT (default: runs/gpu). Without a GPU it
# ends with the first; else a step that fails does not keep the others from running. OUT must be new or
# empty, or what is there already would not be measured again.
#
# Exit status: 0 all steps passed, 1 one failed, 2 OUT holds files.
set -uo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
out=$(absolute "${1:-$root/runs/gpu}") status=0
mkdir -p "$out" && cd -- "$root" || exit 1
if [ -n "$(ls -A "$out")" ]; then
    echo "error: $out holds files, expected a new folder: scripts/check_gpu.sh OUT" >&2
    exit 2
fi
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"

step() { # a log's name, then a command
    local start=$SECONDS result=passed
    "${@:2}" >"$out/$1.txt" 2>&1 || result=FAILED status=1
    printf '== %s %s, %s s: %s\n' "$1" "$result" $((SECONDS - start)) "$out/$1.txt"
    tail -n 12 "$out/$1.txt"
}
experiment() { "$python" -m experiments "$@" --device 0 --out "$out"; }
trial() { experiment run table1_language --cell "$1" --seed "$2" --max-iterations 300; }
four_at_a_time() {
    experiment sweep table1_language --cells sgd_1.1/clipping_5 --seeds 1-4 --jobs-per-device 4 \
        --max-iterations 300
}

# 0. Is there a GPU, and CuPy?
step device experiment run demo --cell sgd/clipping_5 --max-iterations 1
[ $status = 0 ] || { rm "$out/device.txt" && exit $status; }
# 1. Is it right? This compiles all kernels, too.
step tests "$python" -m pytest -q -m gpu tests -n 4
# 2. Real text, the first 300 iterations: compare with the curves in results/table1_language.
for method in clipping_5 projection_0.2; do step "$method" trial "sgd_1.1/$method" 0; done
# 3. How fast is it beside stock Chainer and, where it is installed, PyTorch?
step bench experiment bench --rounds 5 --no-scaling
# 4. One run does not fill a GPU: how far do four at a time go?
step four_at_a_time four_at_a_time
# 5. Does every kernel read and write its own memory only? With the CUDA toolkit, and without CuPy's
# pool, inside which nothing is seen.
if command -v compute-sanitizer >/dev/null; then
    step memcheck compute-sanitizer --error-exitcode 1 --tool memcheck "$python" -c '
import sys, cupy, pytest
cupy.cuda.set_allocator(None)
sys.exit(pytest.main(["-q", "-m", "gpu", "tests/grustab/test_gpu.py"]))'
fi
exit $status
