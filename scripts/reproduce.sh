#!/usr/bin/env bash
# Runs the cells of a table, then prints the table beside the published one. What is done is not run
# again: stop it and start it again at will. --help shows all options, once the set-up is there.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
bash "$root/scripts/setup.sh"
# In place of this shell, so that signals reach it and the runs can save their snapshots. -P: modules
# that lie in the caller's folder are not ours.
exec "$python" -P -m experiments reproduce "$@"
