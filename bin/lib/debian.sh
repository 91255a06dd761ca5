# shellcheck shell=bash
# What is different on Debian as root: there, a missing package can be installed. Needs talk.sh.

debian_release() { # bookworm, trixie, or nothing where this is no Debian
  (
    # shellcheck disable=SC1091
    . /etc/os-release 2>/dev/null
    [ "${ID:-}" != debian ] || printf '%s' "${VERSION_CODENAME:-}"
  )
}

may_install() {
  case $(debian_release) in
    bookworm | trixie) [ "$(id -u)" = 0 ] ;;
    *) return 1 ;;
  esac
}

# debian_sources SUITE...: lines for a sources.list with these releases of Debian, their updates and security fixes,
# from the mirrors that this machine's own apt sources name.
debian_sources() {
  local key=/usr/share/keyrings/debian-archive-keyring.gpg here known mirror security updates suite
  here=$(debian_release)
  [ -e "$key" ] || die "$key is missing; install the package debian-archive-keyring."
  known=$(apt-get update --print-uris) || die "apt's sources on this machine cannot be read."
  mirror=$(mirror_of "$here" <<<"$known")
  updates=$(mirror_of "$here-updates" <<<"$known")
  security=$(mirror_of "$here-security" <<<"$known")
  [ -n "$mirror" ] || die "apt's sources on this machine name no mirror for $here main; add one to /etc/apt/sources.list."
  for suite in "$@"; do
    printf "deb [signed-by=$key] %s %s main\n" "$mirror" "$suite"
    [ -z "$updates" ] || printf "deb [signed-by=$key] %s %s main\n" "$updates" "$suite-updates"
    [ -z "$security" ] || printf "deb [signed-by=$key] %s %s main\n" "$security" "$suite-security"
  done
}

# mirror_of SUITE: reads lines like 'ADDRESS/dists/SUITE/main/binary-amd64/Packages.xz' ... (apt gives its sources so,
# whatever format they are written in, and before it has downloaded anything).
mirror_of() { sed -n "s,^'\(.*\)/dists/$1/main/binary-.*,\1,p" | sed -n '/^cdrom:/!{p;q}'; }

# apt_get ARGUMENT...: its output is data on success, and talk when it fails.
apt_get() {
  local output
  if output=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" 2>&1 </dev/null 9>&-); then
    printf '%s\n' "$output"
  else
    tail -n 15 <<<"$output" >&2
    return 1
  fi
}

# install_packages PACKAGE...: from the machine's own sources; their lists are refreshed only if that is needed.
install_packages() {
  apt_get install --no-install-recommends "$@" >/dev/null 2>&1 && return
  apt_get update >/dev/null || say "not all of apt's sources answered; trying with those that did"
  apt_get install --no-install-recommends "$@" >/dev/null || die "apt-get could not install $*; its last lines are above."
}
