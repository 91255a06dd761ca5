#!/bin/sh
# Checks what README.md says, without an engine.
#
#   verify.sh
#
# Needs build-image on the PATH, mmdebstrap, and the Python that Debian's release has itself (PYTHON, by default
# /usr/bin/python3). A copy of the project is built. Ends with status 1 and a sentence at the first failure.
set -eu

project=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-/usr/bin/python3}
DOCKER_HOST=unix:///nonexistent/docker.sock
export DOCKER_HOST

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

cp -R "$project/docker" "$project/src" "$project/requirements.txt" "$scratch"
cd "$scratch"

fail() {
    echo "verify: $*" >&2
    exit 1
}

# is WHAT EXPECTED ACTUAL
is() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
    echo "ok: $1"
}

# manifest NAME : what manifest.json in the archive says
manifest() {
    tar -xOf bistro.tar manifest.json | "$python" -c \
        'import json, sys; found = json.load(sys.stdin)[0][sys.argv[1]]; print(*[found] if isinstance(found, str) else found)' "$1"
}

"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --requirement requirements.txt
build-image app --output bistro.tar
is "no engine is needed for the archive" 0 $?

mkdir tree
for layer in $(manifest Layers); do
    tar -xOf bistro.tar "$layer" | tar -x -C tree
done
is "it has a base and an application" "tree/app/bistro tree/usr/bin/python3" \
    "$(echo tree/app/bistro tree/usr/bin/python3*[0-9] | sed 's/python3.*/python3/')"
is "what nobody needs is left out" "copyright" "$(ls tree/usr/share/doc/bash)"

# Root may change its root by itself; others in a namespace of their own, where they can.
apart=
[ "$(id -u)" = 0 ] || apart="unshare --user --map-root-user"
run() {
    $apart chroot tree /usr/bin/env -i PATH=/opt/venv/bin:/usr/bin:/bin PYTHONPATH=/app python -m bistro
}
if [ -z "$apart" ] || $apart true 2>/dev/null; then
    is "the application runs from the file tree" "Today: soup 4 fish &amp; chips 9" "$(run | sed -n 1p)"
    is "with the virtualenv's compiled modules" "/opt/venv/bin/python, /opt/venv/lib/python3" \
        "$(run | sed -n '2s/python3\..*/python3/p')"
fi

build-image app --output again.tar
is "a second time gives the same bytes" "" "$(cmp bistro.tar again.tar 2>&1 || :)"
