#!/bin/sh
# Checks with real builds that the base has all that comes from outside, and that the other images
# need nothing but the base and the sources.
#
#   verify.sh [PROJECT_FOLDER]      default: the folder of this script
#
# Needs build-image and dockerutils on the PATH and the base built or loaded (build-image base). A
# copy of the project is built, with a tag of its own (TAG, by default your user name, and
# `-verify`); those images are removed at the end. Ends with status 1 and a sentence at the first
# failure.
set -eu

project=$(cd "${1:-$(dirname "$0")}" && pwd)
tag=${TAG:-${LOGNAME:-${USER:-$(id -un)}}}-verify

name=$(basename "$project" | tr '[:upper:]' '[:lower:]')
app=$name-app:$tag
test=$name-test:$tag

# remove : what was built in here
remove() {
    docker image rm "$test" "$app" >/dev/null 2>&1 || :
}

scratch=$(mktemp -d)
trap 'remove; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# The copy has the folder's own name, because the images are named after it.
copy=$scratch/$(basename "$project")
cp -R "$project" "$copy"
cd "$copy"

# Nothing may stand in for the images that come from outside: here, none of them is needed.
unset DOCKERUTILS_SUBSTITUTE

fail() {
    echo "verify: $*" >&2
    exit 1
}

# is WHAT EXPECTED ACTUAL
is() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3' ($(tail -n 3 "$scratch/err" 2>/dev/null))"
    echo "ok: $1"
}

# said COMMAND... : its output; what it says otherwise is kept aside
said() {
    "$@" 2>"$scratch/err"
}

# alone WORDS... : docker run, without a network
alone() {
    said docker run --rm -i --network none "$@"
}

# build OPTIONS... : builds app and test, and gives the names of the images that were built. The
# proxies lead nowhere, so that even with a network no index would be reached.
build() {
    said build-image app test --image-tag "$tag" --json "$@" \
        --build-arg HTTP_PROXY=http://127.0.0.1:9 --build-arg HTTPS_PROXY=http://127.0.0.1:9 \
        </dev/null >"$scratch/built" || return
    sed -n 's/.*"image": "\(.*\)".*/\1/p' "$scratch/built" | LC_ALL=C sort | tr '\n' ' '
}

# layers IMAGE: their digests, one a line
layers() {
    docker image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep .
}

command -v build-image >/dev/null ||
    fail "build-image is not on the PATH; install dockerutils first"
base=$(dockerutils show base --json | sed -n 's/.*"reference": "\(.*\)".*/\1/p')
docker image inspect "$base" >/dev/null 2>&1 ||
    fail "there is no image $base; build it where there is a network (build-image base), or load it"
before=$(docker image inspect --format '{{.Id}}' "$base")

# base: all dependencies, nothing of the project, no way to an index
is "the base lacks nothing of its own" "No broken requirements found." "$(alone "$base" pip check)"
for file in requirements.txt requirements-test.txt; do
    alone "$base" pip install --dry-run -r /dev/stdin <$file >"$scratch/out" ||
        fail "the base lacks something of $file: $(cat "$scratch/err")"
    is "the base has all of $file" "" "$(grep 'Would install' "$scratch/out" || :)"
done
is "the base has nothing of the project" "None" \
    "$(alone "$base" python -c 'from importlib.util import find_spec; print(find_spec("menu"))')"
is "pip asks no index, network or not" "no" \
    "$(said docker run --rm "$base" pip install --dry-run a-package-that-nobody-has >/dev/null &&
        echo yes || echo no)"
grep -q 'Retrying\|http' "$scratch/err" && fail "pip has asked an index: $(cat "$scratch/err")"

# app and test: built without a network, every step of them, as another step in the Dockerfile sees
for image in app test; do
    # shellcheck disable=SC2016 # that is for docker
    is "$image is configured to be built without a network" 1 \
        "$(said build-image --dry-run "$image" |
            grep -c -e "--tag $name-$image:.* --network none ")"
done
sed '/^FROM/a\
RUN python -c "import socket; assert [name for _, name in socket.if_nameindex()] == [\\"lo\\"]"
' "$project/docker/app/Dockerfile" >docker/app/Dockerfile
is "app and test are built without a network" "app test " "$(build --no-cache)"
grep -q 'socket.if_nameindex' "$scratch/err" || fail "the step that looks for a network has not run"
is "app prints the menu" "Menu: soup 4, bread 2" "$(alone "$app")"
is "app lacks nothing" "No broken requirements found." "$(alone "$app" pip check)"
alone "$test" >"$scratch/out" || fail "test: the tests fail: $(cat "$scratch/out")"
echo "ok: test runs the tests"

# A change of the source
remove # else the images of before would stay, without a name
sed 's/"soup": 4/"stew": 6/' "$project/src/menu/card.py" >src/menu/card.py
is "a change of the source needs only the images on top" "app test " "$(build)"
is "app has the change" "Menu: stew 6, bread 2" "$(alone "$app")"
is "the base is the same" "$before" "$(docker image inspect --format '{{.Id}}' "$base")"
layers "$base" >"$scratch/base"
is "app has all layers of the base below its own" "$(cat "$scratch/base")" \
    "$(layers "$app" | head -n "$(wc -l <"$scratch/base")")"

# A dependency that the base lacks
echo "a-package-that-nobody-has" >>requirements.txt
build >/dev/null && fail "app is built although the base lacks a dependency"
grep -q "requires a-package-that-nobody-has, which is not installed" "$scratch/err" ||
    fail "the build does not name the dependency that the base lacks: $(cat "$scratch/err")"
echo "ok: a dependency that the base lacks is named by the build"
