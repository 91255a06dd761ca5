#!/bin/sh
# Goes to the mounted checkout (PROJECT_ROOT), installs it editable, then becomes the command.
set -e

[ -w "${HOME:-/}" ] || export HOME=/tmp

if [ -e "${PROJECT_ROOT:-}/pyproject.toml" ]; then
    cd "$PROJECT_ROOT"
    python -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation --editable . >&2
else
    echo "dev: no checkout at PROJECT_ROOT; start this image with: run-image dev" >&2
fi

exec "$@"
