# shellcheck shell=sh
# Sourced by the entry point and by login shells: activates /cpu-env or /gpu-env.
#
# The NVIDIA runtime takes NVIDIA_VISIBLE_DEVICES for the devices that a container gets; nothing,
# `void` and `none` mean no GPU. An environment that is active already stays.
if [ -z "${VIRTUAL_ENV:-}" ]; then
    case ${NVIDIA_VISIBLE_DEVICES:-void} in
        void | none) VIRTUAL_ENV=/opt/cpu ;;
        *) VIRTUAL_ENV=/opt/gpu ;;
    esac
fi
# shellcheck source=/dev/null
. "$VIRTUAL_ENV/bin/activate"

# By this, which activate has set, a later `source /gpu-env` takes the other one off the PATH.
export _OLD_VIRTUAL_PATH
