# shellcheck shell=bash
# Where the engine's socket is. ENGINE_DIR or ENGINE_SOCK name a private engine; docker then has to be told.

ENGINE_PRIVATE=
if [ -n "${ENGINE_DIR:-}${ENGINE_SOCK:-}" ]; then ENGINE_PRIVATE=yes; fi
ENGINE_SOCK=${ENGINE_SOCK:-${ENGINE_DIR:-/var/run}/docker.sock}
if [ -n "$ENGINE_PRIVATE" ]; then export ENGINE_SOCK DOCKER_HOST="unix://$ENGINE_SOCK"; fi
