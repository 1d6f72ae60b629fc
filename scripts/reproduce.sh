#!/usr/bin/env bash
# Run the cells of a table, then print the table.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/reproduce.sh TABLE [options]

Runs the cells of a table one after the other, with as many seeds as the experiment had, and
prints our numbers beside the published ones. What is finished, or has the iterations asked for, is
not run again: stop it and start it again at will (a run that was stopped begins anew).

TABLE is a config: table1_language, table2_language_lr0.1, table3_music, table4_elementwise,
main_language, main_music, demo; or timing, section D, where all cells take turns in one process
(a quarter of an hour; of the options below it takes --device, --set, --out, --figures).

  --cells GLOB          only these cells, such as 'sgd/*'
  --seeds LIST          such as 0 or 0,1,2 or 0-9; default: as many as the config says
  --device D            cpu (default), or the number of a GPU
  --set key=value       change a setting; such runs are kept apart (may be repeated)
  --max-iterations N    stop each run there; it then counts as partial
  --out DIR             folder of the results; default: results
  --figures             draw the figures, too
  --dry-run             only list the cells, what is done, and what the rest would cost
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
table='' cells='*' seeds='' out=$root/results figures='' dry_run=''
settings=() running=()
while [ $# -gt 0 ]; do
  case $1 in
    --cells | --seeds | --device | --set | --max-iterations | --out)
      [ $# -gt 1 ] || fail "$1 needs a value, see scripts/reproduce.sh --help" ;;
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --cells) cells=$2; shift 2 ;;
    --seeds) seeds=$2; shift 2 ;;
    --device) running+=(--device "$2"); shift 2 ;;
    --max-iterations) running+=(--max-iterations "$2"); shift 2 ;;
    --set) settings+=(--set "$2"); shift 2 ;;
    --out) case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac; shift 2 ;;
    --figures) figures=yes; shift ;;
    --dry-run) dry_run=yes; shift ;;
    -*) fail "unknown option $1, see scripts/reproduce.sh --help" ;;
    *) [ -z "$table" ] || fail "one table at a time, got $table and $1"; table=$1; shift ;;
  esac
done
[ -n "$table" ] || { usage >&2; exit 2; }
case ${GRUSTAB_DATA:-} in
  '' | /*) ;;
  *) export GRUSTAB_DATA=$PWD/$GRUSTAB_DATA ;; # relative to where the user is
esac

. "$root/scripts/environment.sh"

if [ -n "$dry_run" ]; then
  exec "$python" -m experiments list "$table" --cells "$cells" ${seeds:+--seeds "$seeds"} \
    --out "$out" ${settings[@]+"${settings[@]}"}
fi
if [ "$table" = timing ]; then
  case " ${running[*]-} " in *" --max-iterations "*) cells=none ;; esac
  [ "$cells$seeds" = '*' ] || fail "timing takes no --cells, --seeds or --max-iterations"
  "$python" -m experiments time timing --out "$out" ${settings[@]+"${settings[@]}"} \
    ${running[@]+"${running[@]}"}
  "$python" -m experiments table timing --out "$out" ${settings[@]+"${settings[@]}"}
  [ -z "$figures" ] || "$python" -m experiments figures timing --out "$out"
  exit
fi
plan=$("$python" -m experiments list "$table" --cells "$cells" --plan ${seeds:+--seeds "$seeds"} \
  ${settings[@]+"${settings[@]}"})
while read -r name seed; do
  "$python" -m experiments run "$table" --cell "$name" --seed "$seed" --out "$out" \
    ${settings[@]+"${settings[@]}"} ${running[@]+"${running[@]}"} < /dev/null
done <<< "$plan"
"$python" -m experiments table "$table" --cells "$cells" --out "$out" ${settings[@]+"${settings[@]}"}
[ -z "$figures" ] || "$python" -m experiments figures "$table" --out "$out"
