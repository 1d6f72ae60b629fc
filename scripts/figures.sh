#!/usr/bin/env bash
# Redraw all tables and figures from the committed results; no training, no data.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
case ${1:-} in
  -h | --help)
    echo "Usage: scripts/figures.sh"
    echo
    echo "Redraws results/figures/*.png, results/*/table.md, results/claims.md, results/report.html"
    echo "and the tables in README.md from the result files, in seconds."
    exit 0 ;;
  '') ;;
  *) echo "error: unknown option $1, see scripts/figures.sh --help" >&2; exit 2 ;;
esac

. "$root/scripts/environment.sh"
"$python" -m experiments figures
"$python" -m experiments table > /dev/null
"$python" -m experiments claims > /dev/null
echo "written: results/*/table.md, results/claims.md"
"$python" -m experiments report
