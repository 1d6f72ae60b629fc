#!/usr/bin/env bash
# Usage: scripts/figures.sh
#
# Writes results/figures/*.png, results/*/table.md, results/claims.md, results/report.html and the
# tables in README.md anew from the result files, in seconds: no training, no data.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
[ $# -eq 0 ] || { echo "error: cannot use '$1', see scripts/figures.sh --help" >&2; exit 2; }
bash "$root/scripts/setup.sh"
"$python" -P -m experiments figures
"$python" -P -m experiments table >/dev/null
"$python" -P -m experiments claims >/dev/null
echo "written: results/*/table.md, results/claims.md"
"$python" -P -m experiments report
