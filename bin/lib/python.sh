# shellcheck shell=bash
# A virtual environment with this checkout in it: .cache/venv. Needs talk.sh, debian.sh and $root.
#
# .cache/venv/made-of says what was installed: "copy HASH-OF-SOURCES" or "editable HASH-OF-PYPROJECT".

venv=${root:?}/.cache/venv

# find_python: sets $python to one that is 3.10 or newer and can make virtual environments.
find_python() {
  local name found='' packages
  for name in ${PYTHON:+"$PYTHON"} python3 python3.{14,13,12,11,10} /usr/bin/python3; do
    python=$(command -v "$name") || continue
    runs "$python" 'import sys; sys.exit(sys.version_info < (3, 10))' || continue
    if runs "$python" 'import ensurepip, venv'; then return; fi
    found=$python
  done
  packages=python3-venv
  [ -n "$found" ] || packages='python3 python3-venv'
  may_install || die "Python 3.10 or newer with its venv module is needed (on Debian: apt-get install $packages)."
  ask "Python's virtual environments are needed: $packages will be installed from Debian."
  # shellcheck disable=SC2086
  install_packages $packages
  python=/usr/bin/python3
}

runs() { "$1" -c "$2" 2>/dev/null; }

# make_venv copy|editable HASH: does nothing if it holds that already; else calls install_copy or install_editable.
make_venv() {
  local wanted="$1 $2"
  if holds "$wanted"; then return; fi
  mkdir -p "$root/.cache"
  take_lock "$root/.cache/venv.lock"
  if ! holds "$wanted"; then
    runs "$venv/bin/python" 'import pip' || new_venv
    rm -f "$venv/made-of"
    "install_$1"
    printf '%s\n' "$wanted" >"$venv/made-of"
  fi
  exec 9>&-
}

holds() { [ "$(cat "$venv/made-of" 2>/dev/null)" = "$1" ] && "$venv/bin/python" -c '' 2>/dev/null; }

new_venv() {
  find_python
  say "$python -m venv ${venv#"$root"/}"
  rm -rf "$venv"
  "$python" -m venv "$venv" || die "no virtual environment could be made in $venv; what Python said is above."
}

install_copy() {
  say "pip install . (into ${venv#"$root"/})"
  in_clean_build_folder "$venv/bin/pip" install --quiet --disable-pip-version-check "$root" >&2 ||
    die "pip could not install dockerutils; what it said is above."
}

install_editable() {
  local pip=("$venv/bin/pip" install --quiet --disable-pip-version-check) uv=$venv/bin/uv
  local what=(--editable "$root" --group "$root/pyproject.toml:dev")
  say "the package, editable, and its development tools (into ${venv#"$root"/})"
  [ -x "$uv" ] || "${pip[@]}" uv >&2 || say "uv could not be installed; pip will do, slowly"
  if [ -x "$uv" ]; then
    uv_like_pip
    in_clean_build_folder "$uv" pip install --quiet --python "$venv" "${what[@]}" >&2 && return
    say "uv failed; trying pip, slowly"
  fi
  { "${pip[@]}" 'pip>=25.1' && in_clean_build_folder "${pip[@]}" "${what[@]}"; } >&2 || # older ones have no --group
    die "the package and its development tools could not be installed; what pip said is above."
}

# setuptools would keep modules in build/ that the checkout does not have any more.
in_clean_build_folder() (
  cd "$root" || exit
  rm -rf .cache/build
  mkdir -p .cache/build
  printf '[build]\nbuild_base=.cache/build\n[egg_info]\negg_base=.cache/build\n' >.cache/build/setup.cfg
  DIST_EXTRA_CONFIG=$root/.cache/build/setup.cfg "$@" 9>&-
)

# uv does not read pip's configuration: hand it pip's index and the machine's certificates.
uv_like_pip() {
  local index extra file
  index=$(pip_setting index-url)
  [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
  extra=$(pip_setting extra-index-url | tr ' ' '\n' | grep '^http' | tr '\n' ' ') || true
  [ -z "$extra" ] || export UV_INDEX="${UV_INDEX:-$extra}"
  for file in "${SSL_CERT_FILE:-}" "$(pip_setting cert)" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -s "$file" ]; then
      export SSL_CERT_FILE=$file
      break
    fi
  done
}

# What pip's files or the environment say, the environment first.
pip_setting() {
  "$venv/bin/pip" config list 2>/dev/null |
    sed -nE "s/^(:env:|install|global)\.$1=['\"](.*)['\"]\$/\1 \2/p" | LC_ALL=C sort | sed -n '1s/^[^ ]* //p'
}

hash_of_pyproject() { cat "$root/pyproject.toml" "$root"/setup.cfg "$root"/setup.py 2>/dev/null | digest; }

hash_of_sources() {
  (
    cd "$root" || exit
    find dockerutils scripts -type f ! -name '*.pyc' | LC_ALL=C sort | while read -r file; do
      printf '%s\n' "$file"
      cat "$file"
    done
    hash_of_pyproject
  ) | digest
}
