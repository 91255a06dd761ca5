#!/bin/sh
# Checks in real containers that the right environment is picked, and what is in the two.
#
#   verify.sh [PROJECT_FOLDER]      default: the folder of this script
#
# Needs run-image on the PATH and the image built (build-image framework). No GPU is needed: docker
# refuses `--gpus` where there is none, so the variable that comes with it is given alone. The image
# is that of the folder's name and of the tag TAG (default: your user name). Ends with status 1 and
# a sentence at the first failure.
set -eu

cd "${1:-$(dirname "$0")}"
name=$(basename "$PWD" | tr '[:upper:]' '[:lower:]')
image=$name-framework:${TAG:-${LOGNAME:-${USER:-$(id -un)}}}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

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
    "$@" </dev/null 2>"$scratch/err"
}

# on DEVICES COMMAND... : what a command says in a container that has these devices
on() {
    devices=$1
    shift
    said run-image -e "NVIDIA_VISIBLE_DEVICES=$devices" framework -- "$@"
}

command -v run-image >/dev/null || fail "run-image is not on the PATH; install dockerutils first"
docker image inspect "$image" >/dev/null 2>&1 ||
    fail "there is no image $image; build it with: build-image framework"

# The choice
is "without a GPU it is the cpu" "mean 3, on the cpu" "$(said run-image framework)"
is "with all GPUs it is the gpu" "mean 3, on the gpu" "$(on all python train.py)"
is "with one GPU it is the gpu" "mean 3, on the gpu" "$(on 0 python train.py)"
for nothing in "" void none; do
    is "NVIDIA_VISIBLE_DEVICES='$nothing' means no GPU" "mean 3, on the cpu" \
        "$(on "$nothing" python train.py)"
done
for ways in "-g framework" "gpu" "-g shell"; do
    # shellcheck disable=SC2086 # these are words
    line=$(said run-image --dry-run $ways)
    case $line in
        *" --gpus all --env NVIDIA_VISIBLE_DEVICES=all "*) ;;
        *) fail "run-image $ways does not ask for the GPUs and tell the entry point: $line" ;;
    esac
    echo "ok: run-image $ways asks for the GPUs and tells the entry point"
done

# Any command, any shell
device='python -c "import framework; print(framework.DEVICE)"'
is "a login shell keeps the gpu" "gpu" "$(on all bash -lc "$device")"
is "a login shell keeps the cpu" "cpu" "$(on void bash -lc "$device")"
is "a shell that reads its commands has it, too" "gpu" \
    "$(echo "$device" | run-image -e NVIDIA_VISIBLE_DEVICES=all shell 2>"$scratch/err")"
is "a login shell that came past the entry point picks as well" "gpu" \
    "$(said docker run --rm -e NVIDIA_VISIBLE_DEVICES=all --entrypoint bash "$image" -lc "$device")"
is "a user whom the image does not know gets it as well" "gpu" \
    "$(said run-image --user 12345:12345 -e NVIDIA_VISIBLE_DEVICES=all framework -- \
        bash -lc "$device")"
for shell in -c -lc; do
    is "bash $shell: the other environment can be sourced, and then is the only one on the PATH" \
        "/opt/cpu:cpu:0" \
        "$(on all bash "$shell" "source /cpu-env; \
            echo \$VIRTUAL_ENV:\$($device):\$(echo \$PATH | grep -c /opt/gpu)")"
    is "bash $shell: and the first one again" "/opt/gpu:gpu:0" \
        "$(on all bash "$shell" "source /cpu-env; source /gpu-env; \
            echo \$VIRTUAL_ENV:\$($device):\$(echo \$PATH | grep -c /opt/cpu)")"
done
for words in "sh -c 'exit 7'" "bash -lc 'exit 7'"; do
    run-image framework -c "$words" </dev/null >"$scratch/out" 2>"$scratch/err" &&
        status=0 || status=$?
    is "$words ends with its own status" 7 "$status"
done

# What is where
where='import framework, packaging; print(framework.__file__, packaging.__file__)'
cpu=$(on void python -c "$where")
gpu=$(on all python -c "$where")
is "what both need is in the image once, outside of them" "${cpu#* }" "${gpu#* }"
case ${cpu#* } in
    /opt/*) fail "the shared package is in an environment: $cpu" ;;
esac
case "$cpu $gpu" in
    /opt/cpu/*" "/opt/gpu/*) echo "ok: each variant is in its own environment" ;;
    *) fail "the variants are not each in its own environment: $cpu $gpu" ;;
esac
is "none is in the global site-packages" "None" \
    "$(said docker run --rm --entrypoint python "$image" -c \
        'from importlib.util import find_spec; print(find_spec("framework"))')"
for env in cpu gpu; do
    is "$env lacks nothing" "No broken requirements found." \
        "$(said run-image framework -- "/opt/$env/bin/pip" check)"
done
