#!/bin/sh
# Activates the environment for the devices that the container has, then becomes the given command.
# shellcheck source=/dev/null
. /etc/profile.d/pick-env.sh
exec "$@"
