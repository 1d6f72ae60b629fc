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
--out, --figures, --dry-run).

  --cells GLOB          only these cells, such as 'sgd/*'
  --seeds LIST          such as 0 or 0,1,2 or 0-9; default: as many as the config says
  --jobs N              runs at a time, which share the cores; default: 1
  --device D            cpu (default), or the numbers of GPUs such as 0 or 0,1
  --jobs-per-device N   runs at a time on each GPU; default: 1
  --scheduler ADDRESS   do the runs on a Dask cluster that is running, tcp://HOST:PORT
  --set key=value...    change settings; such runs are kept apart (after TABLE; may be repeated)
  --max-iterations N    stop each run there; it then counts as partial
  --snapshot-interval S seconds between two snapshots of a run; default: 600
  --out DIR             folder of the results; default: results
  --figures             draw the figures, too
  --dry-run             only list the runs, those that are done and what the rest would cost
TEXT
}

[ $# -gt 0 ] || { usage >&2; exit 2; }
for word in "$@"; do
  case $word in -h | --help) usage; exit 0 ;; esac
done

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
caller=$PWD # relative paths are from where the user is
case ${GRUSTAB_DATA:-} in
  '' | /* | '~' | '~/'*) ;;
  *) export GRUSTAB_DATA=$PWD/$GRUSTAB_DATA ;;
esac

. "$root/scripts/environment.sh"
# In place of this shell, so that signals reach it and the runs can save their snapshots.
exec "$python" -m experiments reproduce --from "$caller" "$@"
