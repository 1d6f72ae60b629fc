#!/usr/bin/env bash
# Usage: scripts/setup.sh [--python PY] [--gpu cuda12x|cuda13x]
#
# Makes the folder .venv (or the one that GRUSTAB_VENV names) with the pinned packages of
# requirements*.txt. Where that is done, it does nothing. Where anything has changed, or an earlier
# call did not finish, it makes the folder anew: stop your runs first. Later calls keep what the
# options said:
#
#   --python PY   the Python to use, 3.11 to 3.14; default: python3 or the first python3.X that fits
#   --gpu NAME    add CuPy and CUDA's libraries (2 GB), for a driver of CUDA 12 or 13
#
# Exit status: 0 ready; 2 something is missing, and one sentence says what.
set -euo pipefail
. "$(dirname -- "$0")/environment.sh"
help_if_asked "$@"
die() { echo "setup: $*" >&2; exit 2; }
asked='' gpu='' old_python='' old_gpu='' elsewhere='set GRUSTAB_VENV to another folder.'
while [ $# -gt 0 ]; do
    case $1 in --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;; esac
    case $1=${2:-} in
        --python=?*) asked=$2 ;;
        --gpu=cuda12x | --gpu=cuda13x) gpu=$2 ;;
        *) die "cannot use '$1${2:+ $2}': expected --python PY, --gpu cuda12x or --gpu cuda13x." ;;
    esac
    shift 2
done

mkdir -p -- "$GRUSTAB_VENV" 2>/dev/null || die "cannot make $GRUSTAB_VENV: $elsewhere"
venv=$(cd -- "$GRUSTAB_VENV" && pwd -P) stamp=$GRUSTAB_VENV/grustab-setup log=$stamp.log
# The stamp: the Python and the GPU option; then, when all is done, the folder and the pins.
{ read -r old_python && read -r old_gpu; } 2>/dev/null <"$stamp" || true
gpu=${gpu:-$old_gpu}
[ -n "$asked" ] && set -- "$asked" || set -- ${old_python:+"$old_python"} python3{,.13,.12,.11,.14}
fits='import sys, venv, ensurepip; (3, 11) <= sys.version_info < (3, 15) or exit(1)'
for name; do base=$("$name" -I -c "$fits; print(sys._base_executable)" 2>/dev/null) && break; done
[ -n "$base" ] || die "found no Python 3.11 to 3.14 with its venv module (tried: $*):" \
    "install one (Debian, Ubuntu: python3-venv), or name one with --python."
cd -- "$root"
wanted=$(printf '%s\n' "$base" "$gpu" "$venv" && cat requirements*.txt)
there='from importlib.util import find_spec; find_spec("grustab") or exit(1)'
ready() { [ "$(cat "$stamp")" = "$wanted" ] && "$python" -I -c "$there"; } 2>/dev/null
if ready; then echo "setup: $venv is up to date." && exit; fi
[ -f "$stamp" ] || [ -z "$(ls -A "$venv")" ] || die "delete $venv (not made here), or $elsewhere"

echo "setup: making $venv with $base; the first time takes half a minute."
printf '%s\n' "$base" "$gpu" 2>/dev/null >"$stamp" || die "cannot write into $venv: $elsewhere"
find "$venv" -mindepth 1 -maxdepth 1 ! -name grustab-setup -exec rm -rf {} +
last() { grep -ao '[^ ].*' "$log" | tail -n 1; }
run() { "$@" >>"$log" 2>&1 || die "failed (no network or no space?): $(last) (more in $log)"; }
run "$base" -I -m venv "$venv"
run "$python" -I -m pip install --no-user -r requirements-build.txt
# What uv does not see by itself: a mirror that pip is told to use; a home that is not writable.
mirror=${PIP_INDEX_URL:-$("$python" -I -m pip config get global.index-url 2>/dev/null || true)}
[ -z "$mirror" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$mirror}"
[ -n "${UV_CACHE_DIR:-}" ] || [ -w "${HOME:-}" ] || export UV_NO_CACHE=1
run "$venv/bin/uv" pip install --python "$python" -b requirements-build.txt \
    -r requirements.txt -r requirements-dev.txt ${gpu:+"cupy-$gpu[ctk]>=14,<15"}
# The path of this checkout in ASCII, as Python reads the file by the locale; and as bytes, as a
# locale may lack letters of it.
path=$("$python" -I -c 'import os, sys; path = os.fsencode(sys.argv[1])
print(f"import os, sys; sys.path.append(os.fsdecode({path!r}))")' "$root")
for site in "$venv"/lib/python3*/site-packages; do echo "$path" >"$site/grustab.pth"; done
echo "$wanted" >"$stamp" && echo "setup: ready in $SECONDS s."
