#!/usr/bin/env bash
# Run the cells of a table, then print the table.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/reproduce.sh TABLE [options]

Runs the cells of a table, with as many seeds as the experiment had, and prints our numbers beside
the published ones. What is finished, or has the iterations asked for, is not run again: stop it and
start it again at will, a run that was stopped goes on from its last snapshot.

TABLE is a config: table1_language, table2_language_lr0.1, table3_music, table4_elementwise,
main_language, main_music, open_music, table1_language_small, demo; or timing, section D, where all
cells take turns in one process (a quarter of an hour; of the options below it takes --device, --set,
--out, --figures).

  --cells GLOB          only these cells, such as 'sgd/*'
  --seeds LIST          such as 0 or 0,1,2 or 0-9; default: as many as the config says
  --jobs N              runs at a time, which share the cores; default: 1
  --device D            cpu (default), or the numbers of GPUs such as 0 or 0,1
  --jobs-per-device N   runs at a time on each GPU; default: 1
  --scheduler ADDRESS   do the runs on a Dask cluster that is running, tcp://HOST:PORT
  --set key=value       change a setting; such runs are kept apart (may be repeated)
  --max-iterations N    stop each run there; it then counts as partial
  --snapshot-interval S seconds between two snapshots of a run; default: 600
  --out DIR             folder of the results; default: results
  --figures             draw the figures, too
  --dry-run             only list the cells, what is done, and what the rest would cost
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
table='' cells='*' seeds='' out=$root/results device=cpu figures='' dry_run=''
settings=() running=()
while [ $# -gt 0 ]; do
  case $1 in
    --cells | --seeds | --set | --out | --device | --jobs | --jobs-per-device | --scheduler | \
      --max-iterations | --snapshot-interval)
      [ $# -gt 1 ] || fail "$1 needs a value, see scripts/reproduce.sh --help" ;;
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --cells) cells=$2; shift 2 ;;
    --seeds) seeds=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --jobs | --jobs-per-device | --scheduler | --max-iterations | --snapshot-interval)
      running+=("$1" "$2"); shift 2 ;;
    --set) settings+=(--set "$2"); shift 2 ;;
    --out) case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac; shift 2 ;;
    --figures) figures=yes; shift ;;
    --dry-run) dry_run=yes; shift ;;
    -*) fail "unknown option $1, see scripts/reproduce.sh --help" ;;
    *) [ -z "$table" ] || fail "one table at a time, got $table and $1"; table=$1; shift ;;
  esac
done
[ -n "$table" ] || { usage >&2; exit 2; }
case $table in
  /*) ;;
  *.yaml | *.yml) table=$PWD/$table ;; # relative to where the user is
esac
case ${GRUSTAB_DATA:-} in
  '' | /* | '~' | '~/'*) ;;
  *) export GRUSTAB_DATA=$PWD/$GRUSTAB_DATA ;; # relative to where the user is
esac

. "$root/scripts/environment.sh"

# Hand signals on and wait: the runs are to save their snapshots before this script ends.
forward() {
  "$@" &
  child=$!
  trap 'stopped=yes; kill -TERM "$child" 2> /dev/null' INT TERM HUP
  while :; do
    stopped='' status=0
    wait "$child" || status=$?
    [ -n "$stopped" ] || break
  done
  trap - INT TERM HUP
}

status=0
if [ "$table" = timing ]; then
  [ "$cells$seeds${running[*]-}" = '*' ] || \
    fail "timing takes only --device, --set, --out, --figures and --dry-run"
  if [ -n "$dry_run" ]; then
    exec "$python" -m experiments list timing --out "$out" ${settings[@]+"${settings[@]}"}
  fi
  forward "$python" -m experiments time timing --device "$device" --out "$out" \
    ${settings[@]+"${settings[@]}"}
  [ $status -eq 0 ] || exit $status
else
  forward "$python" -m experiments sweep "$table" --cells "$cells" ${seeds:+--seeds "$seeds"} \
    --device "$device" --out "$out" ${settings[@]+"${settings[@]}"} ${running[@]+"${running[@]}"} \
    ${dry_run:+--dry-run}
  # 1: some runs failed; the table shows the others.
  [ -z "$dry_run" ] && [ $status -le 1 ] || exit $status
fi
"$python" -m experiments table "$table" --cells "$cells" --out "$out" \
  ${settings[@]+"${settings[@]}"}
[ -z "$figures" ] || "$python" -m experiments figures "$table" --out "$out"
exit $status
