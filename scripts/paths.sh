# Sourced by the other scripts. Kept to bash 3.2, which macOS has.

# The absolute path of one that a person gave: a relative one is theirs, and ~ is their home folder,
# also where the shell leaves it alone, as in --out=~/x.
absolute() {
  case $1 in
    '~' | '~/'*) set -- ~ "${1#?}"; printf '%s\n' "$1$2" ;;
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}
