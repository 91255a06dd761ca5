#!/bin/sh
# All checks of the CI job, cheapest first; the first that fails ends it.
set -e
python -m pyflakes src tests
python -m pytest -p no:cacheprovider
hello --version
