#!/bin/sh
# Checks with real builds and containers what README.md says.
#
#   verify.sh
#
# Needs build-image and run-image on the PATH, an engine, and PYTHON, by default python3.11. A copy
# of the project is built, with a tag of its own (TAG, by default your user name, and `-verify`); it
# and its container are removed at the end. Ends with status 1 and a sentence at the first failure.
set -eu

project=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3.11}
tag=${TAG:-${LOGNAME:-${USER:-$(id -un)}}}-verify
image=weather-app:$tag
container=weather-app-verify-$$

remove() {
    docker rm --force "$container" >/dev/null 2>&1 || :
    docker image rm "$image" >/dev/null 2>&1 || :
}

scratch=$(mktemp -d)
trap 'remove; rm -rf "$scratch"' EXIT
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

# ask PATH : what the container answers
ask() {
    docker exec "$container" python -c \
        'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode().strip())' \
        "http://127.0.0.1:8000$1"
}

# layers : the diff IDs of the image, a line each
layers() {
    docker image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$image" | sed '/^$/d'
}

"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --requirement requirements.txt
find .venv src -type f -exec cksum {} + | sort >before

build-image app -t "$tag"
layers >first

docker run --detach --name "$container" "$image" >/dev/null
count=0
until ask '/?days=1' >/dev/null 2>&1; do
    count=$((count + 1))
    [ "$count" -lt 100 ] || fail "the application does not answer"
    sleep 0.2
done
is "it answers over HTTP" '{"mean":6.0,"median":5.0,"spread":7.0}' "$(ask '/?days=3,5,10')"
is "it runs in the image's own virtualenv" \
    '{"executable":"/opt/venv/bin/python","numpy":"/opt/venv/lib/python3.11/site-packages/numpy/__init__.py"}' \
    "$(ask /python)"
is "it runs as nobody" 65534 "$(docker exec "$container" id -u)"

find .venv src -type f -exec cksum {} + | sort >after
is "the virtualenv and the sources are as they were" "" "$(diff before after || :)"

sed -i 's/"spread"/"range"/' src/weather/__init__.py
build-image app -t "$tag"
layers >second
is "a change of a line changes the last layer only" "$(sed '$d' first | sort)" \
    "$(sort first second | uniq -d)"

build-image app -t "$tag" --verify import --rebuild 2>report || fail "$(cat report)"
is "each package can be imported in the image" "" "$(grep -i error report || :)"

build-image app -t "$tag" --output weather.tar
is "it becomes a file" "$image" "$(tar -xOf weather.tar manifest.json | "$python" -c \
    'import json, sys; print(json.load(sys.stdin)[0]["RepoTags"][0])')"
