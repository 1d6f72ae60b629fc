#!/usr/bin/env bash
# Usage: scripts/fetch_data.sh [--dir DIR] [NAME...]
#
# Downloads the data sets and checks their SHA-256. Safe to interrupt and to start again.
#
#   NAME        ptb         Penn Treebank after Mikolov et al., 3 files, 6.0 MB
#               nottingham  Nottingham.mat, piano rolls of folk tunes, 0.4 MB
#               jsb         JSB_Chorales.mat, 0.1 MB,
#               musedata    MuseData.mat, 0.9 MB, and
#               piano-midi  Piano_midi.mat, 0.2 MB: the first authors' other three sets, for
#                           runs with dataset=tunes path=FILE
#               Without a name: ptb and nottingham.
#   --dir DIR   the folder to put them in: set GRUSTAB_DATA to it afterwards. By default the folder
#               that GRUSTAB_DATA names, or else your cache (on Linux ~/.cache/grustab).
#
# The Penn Treebank belongs to the Linguistic Data Consortium: do not pass the files on.
# Exit status: 0 all there, 2 one sentence on standard error says what is wrong, 130 interrupted.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
bash "$root/scripts/setup.sh"
# -P: modules that lie in the caller's folder are not ours.
exec "$python" -P -m grustab.datasets.fetch "$@"
