#!/usr/bin/env bash
# Usage: scripts/figures.sh
#
# Makes from the result files, in half a minute, without training and without data:
# results/figures/*.png, results/*/table.md, results/claims.md, results/identify_music/signs.md,
# results/README.md, the results in README.md, and results/report.html (which git ignores).
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
[ $# -eq 0 ] || { echo "error: cannot use '$1', see scripts/figures.sh --help" >&2; exit 2; }
bash "$root/scripts/setup.sh"
"$python" -P -m experiments figures
"$python" -P -m experiments table >/dev/null
"$python" -P -m experiments claims >/dev/null
"$python" -P -m experiments identify >/dev/null
echo "written: results/*/table.md, results/claims.md, results/identify_music/signs.md"
"$python" -P -m experiments report
