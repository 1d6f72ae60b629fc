#!/usr/bin/env bash
# Makes the virtual environment that the other scripts use. Written for bash 3.2 (macOS) on.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/setup.sh [--python PY] [--gpu cuda12x|cuda13x]

Makes the folder .venv in the checkout, with the pinned packages of requirements*.txt and this
checkout itself (editable). Does nothing if that is there already; repairs what an interrupted
call left behind.

  --python PY   the Python to use, 3.11 to 3.14 (default: that of an existing .venv, else
                python3, else the first of python3.13, 3.12, 3.11, 3.14 that is there)
  --gpu NAME    add CuPy and CUDA's libraries, about 2 GB, for a driver of CUDA 12 or 13; later
                calls keep them (delete the folder to be without them again)
  -h, --help    show this

Environment:
  GRUSTAB_VENV  the folder to use instead of .venv

Exit status: 0 ready, 2 something is missing; one sentence on standard error says what.
EOF
}

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}

# --- arguments --------------------------------------------------------------------------------

python='' gpu=''
while [ $# -gt 0 ]; do
    case $1 in
        --python | --gpu)
            [ $# -ge 2 ] || die "$1 needs a value, see --help."
            if [ "$1" = --gpu ]; then gpu=$2; else python=$2; fi
            shift
            ;;
        --python=*) python=${1#*=} ;;
        --gpu=*) gpu=${1#*=} ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die "unknown argument '$1', see --help." ;;
    esac
    shift
done
case $gpu in '' | cuda12x | cuda13x) ;; *) die "--gpu takes cuda12x or cuda13x, not '$gpu'." ;; esac

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$root/scripts/paths.sh"
case $python in */*) python=$(absolute "$python") ;; esac
venv=$(absolute "${GRUSTAB_VENV:-$root/.venv}")
venv=${venv%/}
cd -- "$root"

stamp=$venv/grustab-setup.done      # written last: what the folder was made from
doing=$venv/grustab-setup.under-way # there from the first change to the last
log=$venv/grustab-setup.log
lock=$venv.lock

unset PYTHONHOME PYTHONPATH # they would mix other packages in

# --- is it there already? This part takes milliseconds ------------------------------------------

version_of() { # prints e.g. 3.11.7, or nothing when the command does not run
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true
}

venv_version() { # the same for the existing folder, without starting its Python
    sed -n 's/^version[_info]* *= *\([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p' "$venv/pyvenv.cfg" 2>/dev/null |
        head -n 1 || true
}

venv_gpu() { sed -n 's/^gpu //p' "$stamp" 2>/dev/null || true; }

inputs() { # the stamp's text; $1 is Python's version, $2 the GPU extra
    printf 'root %s\nvenv %s\npython %s\ngpu %s\n' "$root" "$venv" "$1" "$2"
    cksum requirements*.txt setup.py
}

wanted='' # the version of --python
if [ -n "$python" ]; then
    wanted=$(version_of "$python")
    [ -n "$wanted" ] || die "'$python' is not a Python that runs."
fi

leave_if_up_to_date() {
    if [ ! -f "$stamp" ] || [ -e "$doing" ] || [ ! -x "$venv/bin/python" ]; then return; fi
    local version
    version=${wanted:-$(venv_version)}
    if [ "$(cat "$stamp")" = "$(inputs "$version" "${gpu:-$(venv_gpu)}")" ]; then
        say "$venv is up to date (Python $version)."
        exit 0
    fi
}
leave_if_up_to_date

# --- which Python -------------------------------------------------------------------------------

suits() { # the version in $1
    local major minor
    IFS=. read -r major minor _ <<<"$1"
    [ "$major" -eq 3 ] && [ "$minor" -ge 11 ] && [ "$minor" -le 14 ]
}

if [ -z "$python" ] && suits "$(venv_version | grep . || echo 0.0)" && [ -x "$venv/bin/python" ]; then
    # Its base, not itself: a folder that has to be made anew cannot make itself.
    python=$("$venv/bin/python" -c 'import sys; print(sys._base_executable)' 2>/dev/null || true)
    wanted=$(version_of "${python:-none}")
fi
if [ -z "$wanted" ]; then
    seen=''
    for python in python3 python3.13 python3.12 python3.11 python3.14; do
        wanted=$(version_of "$python")
        if [ -n "$wanted" ] && suits "$wanted"; then break; fi
        seen=${seen:-$wanted}
        wanted=''
    done
    [ -n "$wanted" ] || [ -n "$seen" ] ||
        die "there is no python3: install Python 3.11 to 3.14, or name one with --python."
    wanted=${wanted:-$seen}
fi
suits "$wanted" ||
    die "Python $wanted is not one of 3.11 to 3.14, for which the pinned packages are made: name another with --python."
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    die "Python $wanted lacks the venv module or its pip (on Debian and Ubuntu: apt install python3-venv)."

# --- one set-up at a time: a symbolic link is made whole or not at all, and names its owner -----

alive() { # is process $1 there, with $2 in its command line? (slim images have no ps, or a poor one)
    if ps -p $$ -o args= >/dev/null 2>&1; then
        ps -p "$1" -o args= 2>/dev/null | grep -F -q -- "$2"
    else
        kill -0 "$1" 2>/dev/null
    fi
}

host=$(uname -n)
me=$$@$host

lives() { # does the owner $1 of the lock? Of another host's nobody can tell from here
    case $1 in
        *@"$host") alive "${1%%@*}" setup.sh ;;
        *@*) true ;;
        *) alive "$1" setup.sh ;; # as earlier versions of this script wrote it
    esac
}

mkdir -p -- "$(dirname -- "$venv")" 2>/dev/null || die "cannot make the folder of $venv."
told='' misses=0
until ln -sn "$me" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" || true)
    if [ -z "$owner" ]; then # released just now, or never made
        misses=$((misses + 1))
        [ $misses -lt 5 ] || die "cannot write $lock: set GRUSTAB_VENV to a folder elsewhere."
    elif [ "$owner" != "$me" ] && lives "$owner"; then
        [ -n "$told" ] || say "waiting for the set-up that process $owner is running; if that is gone, remove $lock."
        told=yes
        sleep 1
    elif mv "$lock" "$lock.$$" 2>/dev/null; then # its owner died; another caller may be as quick
        [ "$(readlink "$lock.$$")" = "$owner" ] || ln -sn "$(readlink "$lock.$$")" "$lock" || true
        rm -f "$lock.$$"
    fi
done

child=''
release() {
    if [ -n "$child" ]; then kill "$child" 2>/dev/null || true; fi
    rm -f "$lock"
}
trap release EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
leave_if_up_to_date # the one waited for has done it

# --- what is there: nothing, our folder, or one that somebody else made --------------------------

works() { [ "$(version_of "$venv/bin/python")" = "$wanted" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

state=absent
if [ -e "$doing" ]; then
    orphan='' was=''
    read -r orphan was <"$doing" || true
    # Was only bash killed? Then its pip may still be writing.
    if [ -n "$orphan" ] && alive "$orphan" "$venv"; then
        kill "$orphan" 2>/dev/null || true
        sleep 1
    fi
    [ "$was" != foreign ] ||
        die "an earlier set-up of $venv, which this script did not make, did not finish: delete it or make it anew."
    say "an earlier set-up of $venv did not finish; starting over."
    state=broken
elif [ -f "$stamp" ]; then
    other=$(sed -n 's/^root //p' "$stamp")
    if [ "$other" != "$root" ] && [ -f "$other/scripts/setup.sh" ]; then
        die "$venv belongs to another checkout, $other: set GRUSTAB_VENV to another folder."
    fi
    # In place where only the pins or the GPU extra changed. CUDA 12's and 13's CuPy must not meet.
    state=ours
    case $(venv_gpu) in '' | "${gpu:-$(venv_gpu)}") ;; *) state=broken ;; esac
    [ "$(sed -n 's/^venv //p;s/^root //p' "$stamp")" = "$root
$venv" ] && works || state=broken
elif [ -f "$venv/pyvenv.cfg" ]; then
    works || die "$venv has no working Python $wanted with pip and was not made by this script: delete it, or set GRUSTAB_VENV to another folder."
    state=foreign
elif [ -e "$venv" ] && [ -n "$(ls -A "$venv")" ]; then
    die "$venv is not a virtual environment: set GRUSTAB_VENV to another folder."
fi
gpu=${gpu:-$(venv_gpu)}

# --- do it --------------------------------------------------------------------------------------

explain() { # one sentence for the step in $1 that failed
    local free
    free=$(df -Pk "$venv" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9][0-9]*%.*/\1/p')
    [ $state != foreign ] || rm -f "$doing" # pip failed in order; the folder stays as it was
    if grep -E -q 'No space left|Errno 28|quota exceeded' "$log" 2>/dev/null || [ "${free:-99999}" -lt 4096 ]; then
        die "$1 failed because the disk of $venv is full (pip's log: $log)."
    elif grep -E -i -q 'NewConnectionError|Failed to establish|Connection refused|name resolution|getaddrinfo|unreachable|ProxyError|timed out|SSLError|connection broken|RemoteDisconnected|from versions: none|[45][0-9][0-9] (Client|Server) Error' "$log" 2>/dev/null; then
        die "$1 failed because the package index cannot be reached (pip's log: $log)."
    elif grep -q 'No matching distribution found' "$log" 2>/dev/null; then
        die "$1 failed because the package index has no $(sed -n 's/.*No matching distribution found for \([^ ]*\).*/\1/p' "$log" | tail -n 1) for Python $wanted (pip's log: $log)."
    fi
    die "$1 failed: see pip's log, $log."
}

step() { # a name, then a command: quiet but for one line
    local name=$1 start=$SECONDS
    shift
    # In the background, so that a signal ends it at once and not after it.
    "$@" >"$log" 2>&1 &
    child=$!
    echo "$child $state" >"$doing" || explain "$name"
    wait "$child" || {
        child=''
        explain "$name"
    }
    child=''
    say "$name: $((SECONDS - start)) s"
}

# What somebody may have set in the environment and would lead past the folder or the pins.
unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_HASHES PIP_CONSTRAINT PIP_BUILD_CONSTRAINT
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_COLOR=1
[ -w "${HOME:-}" ] || export PIP_NO_CACHE_DIR=1 # it fails where it cannot write there

pip() { exec "$venv/bin/python" -m pip "$@"; }

install_pins() {
    # By one variable or the other, depending on pip's version, chainer's build gets a setuptools
    # that it can use. pip splits them at spaces, hence the relative name. Exported in this
    # step's own process only: pip 26 refuses them beside --no-build-isolation.
    export PIP_CONSTRAINT=requirements-build.txt PIP_BUILD_CONSTRAINT=requirements-build.txt
    pip install --use-pep517 -r requirements.txt -r requirements-dev.txt
}

begun=$SECONDS
if [ $state = broken ]; then
    rm -rf -- "$venv"
    state=absent
fi
# From here on, whatever ends this leaves a file that tells of it.
if ! { mkdir -p -- "$venv" && echo "0 $state" >"$doing" && : >"$log"; } 2>/dev/null; then die "cannot write into $venv (is the disk full?)."; fi
rm -f "$stamp"
say "setting up $venv with Python $wanted; the first time takes a minute or two."
if [ $state = absent ]; then step "virtual environment" "$python" -m venv "$venv"; fi
step "packages" install_pins
# setuptools is there by now, so this needs no network; --no-deps, as all is installed and pinned.
# compat: a path in a .pth file. The default, an import hook, comes after the path, where a script
# that lies beside the checkout would take the checkout's folder for the package.
editable="--config-settings=editable_mode=compat"
step "grustab" pip install --no-deps --no-build-isolation "$editable" --editable .
if [ -n "$gpu" ]; then
    step "CuPy ($gpu)" pip install --no-build-isolation -c requirements.txt -c requirements-dev.txt "$editable" --editable ".[$gpu]"
fi
inputs "$wanted" "$gpu" >"$stamp.new" && mv "$stamp.new" "$stamp" || explain "writing the stamp"
rm -f "$doing"
say "ready in $((SECONDS - begun)) s: $venv"
