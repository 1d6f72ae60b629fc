#!/usr/bin/env bash
# A gradient explosion, and its absence, on made-up text: trains a small language model nine times,
# three seeds each with gradient clipping at 20 and at 5 and with the projection P_delta (delta 0.2),
# in half a minute on two idle cores. Takes the options of scripts/reproduce.sh; --out is runs/demo.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
echo "demo: it ends with a table like results/demo/table.md and figures like results/figures/demo_*.png:" \
    "clipping at 20 explodes, clipping at 5 and P_delta do not. Each run says whether its weights equal ours to" \
    "the bit, as they do where OpenBLAS takes its kernel for AVX-512." >&2
jobs='--jobs 2'
case " $* " in *' --device'* | *' --scheduler'*) jobs='' ;; esac # these have no --jobs
exec bash "$root/scripts/reproduce.sh" demo --out "$root/runs/demo" $jobs --figures "$@"
