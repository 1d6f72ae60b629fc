#!/usr/bin/env bash
# Download the data sets of the paper.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/fetch_data.sh [--dir DIR] [NAME...]

Downloads the data sets, checks their SHA-256 and says how large they are before it starts.
Files that are there already are kept: stop it and start it again at will.

  NAME        ptb                Penn Treebank after Mikolov et al., 3 files, 6.0 MB
              nottingham         Nottingham.mat, piano rolls of folk tunes, 0.4 MB
              nottingham-pickle  Nottingham.pickle, the same tunes from their first authors;
                                 no checksum of it is known, and no experiment needs it
              Without a name: ptb and nottingham.
  --dir DIR   The folder to put them in; set GRUSTAB_DATA to it afterwards.  By default the folder
              that GRUSTAB_DATA names, or else the user's cache (on Linux ~/.cache/grustab).

Exit status: 0 all there, 2 one sentence on standard error says what is wrong, 130 interrupted.

The Penn Treebank belongs to the Linguistic Data Consortium: do not pass the files on.
TEXT
}

for word in "$@"; do
  case $word in -h | --help) usage; exit 0 ;; esac
done

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
caller=$PWD # relative paths are from where the user is
. "$root/scripts/environment.sh"
cd -- "$caller"
# -P: modules that lie in the caller's folder are not ours.
exec "$python" -P -m grustab.datasets.fetch "$@"
