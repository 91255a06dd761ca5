# shellcheck shell=bash
# What the scripts in bin/ say and ask. All of it goes to stderr, so that stdout stays free for data.

say() { printf '# %s\n' "$*" >&2; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The comment at the top of the calling script is its help.
print_help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# Was the answer given before the question?
yes_was_given() { [ -n "${YES:-}" ] || [ "${CI:-}" = true ]; }

# ask SENTENCE: say what would be done, and end the script unless somebody agrees to it.
ask() {
  local answer
  if yes_was_given; then
    say "$1"
    return
  fi
  [ -t 0 ] || die "$1 There is no terminal to ask at: run it again with --yes if that is fine."
  read -r -p "$1 Go on? [y/N] " answer || answer=
  case $answer in
    [yY] | [yY][eE][sS]) ;;
    *) die "nothing was changed." ;;
  esac
}

# limit SECONDS COMMAND...: run a command for so long at most, where the machine can do that.
limit() {
  if command -v timeout >/dev/null; then
    timeout -k 5 "$@"
  else
    shift
    "$@"
  fi
}

# Hash of what comes on stdin.
digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# take_lock FILE: hold descriptor 9 on it until the script ends; where there is no flock, nothing is held.
take_lock() {
  command -v flock >/dev/null || return 0
  exec 9>"$1" || die "$1 cannot be written."
  flock -n 9 && return
  say "waiting for another ${0##*/} that holds $1"
  flock -w 600 9 || die "another ${0##*/} has held $1 for ten minutes; end it first."
}
