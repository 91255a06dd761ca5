#!/bin/sh
# Installs the project that is mounted at /workdir, editable, then becomes the given command.
#
# Editable means that a .pth file among the installed packages points to /workdir/src: whatever is
# edited outside is imported inside the next time Python starts, new files included. Unlike a bare
# PYTHONPATH this also gives the `hello` command and the package's version. After a change in
# pyproject.toml (a new command, a new dependency) start a new container, or build base again.
set -e

# A user who is unknown to /etc/passwd has "/" for a home.
[ -w "${HOME:-/}" ] || export HOME=/tmp

if [ -e /workdir/pyproject.toml ]; then
    # --no-build-isolation and --no-deps: setuptools and the dependencies are in the base, no network
    # is asked. That also keeps the project clean: an isolated build would leave a *.egg-info beside
    # the source, this one works even where the project is mounted read-only.
    # What pip says goes to stderr, because stdout belongs to the command.
    python -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation \
        --editable /workdir >&2
else
    echo "dev: no project at /workdir; mount it there: -v \"\$PWD:/workdir\"" >&2
fi

exec "$@"
