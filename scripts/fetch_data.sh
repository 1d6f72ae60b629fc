#!/usr/bin/env bash
# Download the data sets of the paper.  Kept to bash 3.2, which macOS has.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: scripts/fetch_data.sh [--dir DIR] [NAME...]

Downloads the data sets, checks their SHA-256 and says how large they are before it starts.
Safe to interrupt and to start again: it goes on where it stopped and keeps what is there.

  NAME        ptb                Penn Treebank after Mikolov et al., 3 files, 6.0 MB
              nottingham         Nottingham.mat, piano rolls of folk tunes, 0.4 MB
              nottingham-pickle  Nottingham.pickle, the same tunes from their first authors;
                                 no checksum of it is known, and no experiment needs it
              Without a name: ptb and nottingham.
  --dir DIR   The folder to put them in; set GRUSTAB_DATA to it afterwards.  By default the folder
              that GRUSTAB_DATA names, or else the cache (~/.cache/grustab).
  -h, --help  Show this text.

Environment:
  GRUSTAB_DATA  see --dir
  GRUSTAB_VENV  the virtual environment to use instead of .venv, see scripts/setup.sh

Exit status: 0 all there, 2 one sentence on standard error says what is wrong, 130 interrupted.

The Penn Treebank belongs to the Linguistic Data Consortium: do not pass the files on.
TEXT
}

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 2
}

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
directory=
names=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --dir)
            [ $# -ge 2 ] && [ -n "$2" ] || fail "--dir needs a folder, see --help"
            directory=$2
            shift
            ;;
        --dir=?*) directory=${1#--dir=} ;;
        ptb | nottingham | nottingham-pickle) names+=("$1") ;;
        *) fail "'$1' is neither an option nor a data set, see --help" ;;
    esac
    shift
done

. "$root/scripts/paths.sh"
venv=$(absolute "${GRUSTAB_VENV:-$root/.venv}")

# It says in one sentence what went wrong, if anything did. By bash: a copy that did not come by git
# may have lost who may execute what.
GRUSTAB_VENV=$venv bash "$root/scripts/setup.sh" || exit 2
unset PYTHONHOME PYTHONPATH

# -P: modules that lie in the caller's folder are not ours.
# bash 3.2 takes an empty array for an unset variable, hence the ${...[@]+...}.
exec "$venv/bin/python" -P -m grustab.datasets.fetch \
    ${directory:+--dir "$directory"} ${names[@]+"${names[@]}"}
