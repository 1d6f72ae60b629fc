#!/usr/bin/env bash
# A gradient explosion, and its absence, on made-up text: nine short runs, a table, a figure.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/demo.sh [--out DIR] [options of scripts/reproduce.sh]

Trains a small language model nine times, three seeds each with gradient clipping at 20 and at 5 and
with the projection P_delta (delta 0.2), half a minute on two idle cores; prints the table and draws
the figures. Runs that are done already are not run again: stop it and start it again at will.

  --out DIR   folder of results and figures; default: runs/demo (ignored by git)
TEXT
}

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
for word in "$@"; do
  case $word in -h | --help) usage; exit 0 ;; esac
done

# Matrices this small gain nothing from more threads.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
exec bash "$root/scripts/reproduce.sh" demo --out "$root/runs/demo" --jobs 2 --figures "$@"
