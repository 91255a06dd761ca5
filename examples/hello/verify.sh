#!/bin/sh
# Checks in real containers that the built images do what they are for.
#
#   verify.sh [PROJECT_FOLDER]      default: the folder of this script
#
# Needs run-image on the PATH and all images built (build-image all). The images are those of the
# folder's name and of the tag TAG (default: your user name). Containers see a copy of the project,
# so nothing is changed in the folder. Ends with status 1 and a sentence at the first failure.
set -eu

project=$(cd "${1:-$(dirname "$0")}" && pwd)
name=$(basename "$project" | tr '[:upper:]' '[:lower:]')
tag=${TAG:-${LOGNAME:-${USER:-$(id -un)}}}
unset HELLO_WORD # it would change what app says

scratch=$(mktemp -d)
dev=
trap 'if [ -n "$dev" ]; then : >"$copy/go"; wait "$dev"; fi; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# The copy has the folder's own name, because the images are named after it.
copy=$scratch/$(basename "$project")
cp -R "$project" "$copy"
chmod -R a+rX "$scratch"
cd "$copy"

fail() {
    echo "verify: $*" >&2
    exit 1
}

# is WHAT EXPECTED ACTUAL
is() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3' ($(tail -n 3 "$scratch/err" 2>/dev/null))"
    echo "ok: $1"
}

# said COMMAND... : its output, without carriage returns; what it says otherwise is kept aside
said() {
    "$@" </dev/null 2>"$scratch/err" | tr -d '\r'
}

# first FILE: its first line, as soon as there is one or the dev container has ended
first() {
    until [ -s "$1" ] || [ -e "$scratch/ended" ]; do
        sleep 0.2
    done
    head -n 1 "$1"
}

# files FOLDER: all files of a project, to see that nothing was left there
files() {
    (cd "$1" && find . | LC_ALL=C sort)
}

command -v run-image >/dev/null || fail "run-image is not on the PATH; install dockerutils first"
for image in base dev app test cicd; do
    docker image inspect "$name-$image:$tag" >/dev/null 2>&1 ||
        fail "there is no image $name-$image:$tag; build it with: build-image $image"
done

# base: the dependencies, and nothing of the project
is "base has the external dependencies" "ok" \
    "$(said docker run --rm "$name-base:$tag" python -c 'import cowsay, setuptools; print("ok")')"
is "base has nothing of the project" "None" \
    "$(said docker run --rm "$name-base:$tag" python -c \
        'from importlib.util import find_spec; print(find_spec("hello"))')"

# dev: one container, which greets, waits until it is told to go on, and greets again
before=$(files "$copy")
: >"$scratch/out"
{
    run-image dev -c "sh -c 'hello && until [ -e go ]; do sleep 0.2; done && hello && hello --version'" \
        </dev/null >"$scratch/out" 2>"$scratch/err" && status=0 || status=$?
    echo "$status" >"$scratch/ended"
} &
dev=$!
is "dev installs the mounted project at start" "Hi, world!" "$(first "$scratch/out" | tr -d '\r')"
sed 's/"world"/"outside"/' src/hello/greeting.py >"$scratch/edited"
cat "$scratch/edited" >src/hello/greeting.py
: >go
wait "$dev"
dev=
rm go
[ "$(cat "$scratch/ended")" = 0 ] || fail "dev: the container failed: $(cat "$scratch/err")"
is "dev sees an edit made outside at once" "Hi, outside!" "$(sed -n 2p "$scratch/out" | tr -d '\r')"
is "dev knows the version of the package" \
    "hello $(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/hello/_version.py)" \
    "$(sed -n 3p "$scratch/out" | tr -d '\r')"
is "dev runs as a user whom the image does not know" "Hello, outside!" \
    "$(said docker run --rm --user 12345:12345 -v "$copy:/workdir:ro" "$name-dev:$tag" hello)"
cp "$project/src/hello/greeting.py" src/hello/greeting.py
run-image dev -c pytest </dev/null >"$scratch/out" 2>&1 || fail "dev: the tests fail: $(cat "$scratch/out")"
echo "ok: dev runs the tests of the mounted project"
is "dev leaves nothing behind in the project" "$before" "$(files "$copy")"

# app: the greeting, the user, and what is not there
is "app prints the greeting" "Hello, world!" "$(said run-image app)"
is "app takes a variable from the terminal" "Ahoy, world!" "$(said env HELLO_WORD=Ahoy run-image app)"
is "app does not run as root" "app" "$(said docker run --rm "$name-app:$tag" id -un)"
is "app has neither the source nor the wheel of its builder stage" "none" \
    "$(said docker run --rm --user root "$name-app:$tag" sh -c \
        'find / -xdev "(" -name "hello*.whl" -o -path "/build/*" ")" && echo none')"
is "app has no test tools" "None" \
    "$(said docker run --rm "$name-app:$tag" python -c \
        'from importlib.util import find_spec; print(find_spec("pytest"))')"

# test and cicd: their own commands are the check
run-image test </dev/null >"$scratch/out" 2>&1 || fail "test: the tests fail: $(cat "$scratch/out")"
echo "ok: test runs the tests against app"
run-image cicd </dev/null >"$scratch/out" 2>&1 || fail "cicd: the job fails: $(cat "$scratch/out")"
echo "ok: cicd runs the linter and the tests"
is "cicd has no .git" "no" \
    "$(said docker run --rm "$name-cicd:$tag" sh -c 'if [ -e .git ]; then echo yes; else echo no; fi')"

# shell: the base image, a login shell, the project at hand
is "shell sees the mounted project" "$(cat src/hello/greeting.py)" \
    "$(said run-image shell -c "bash -lc 'cat src/hello/greeting.py'")"
is "shell is a bash at the project" "/workdir" \
    "$(echo 'pwd' | run-image shell 2>"$scratch/err" | tr -d '\r')"
