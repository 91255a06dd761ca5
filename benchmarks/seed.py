"""The commands that our conventions come from: dockerutils 2.0.7, in a venv of its own."""

from __future__ import annotations

import sys

from benchmarks.processes import ROOT, Place

RELEASE = "2.0.7"
VENV = ROOT / ".cache" / f"dockerutils-{RELEASE}"
SCRIPTS = VENV / "bin"


def install() -> None:
    """Install the release unless it is there; building and running need no other package."""
    if (SCRIPTS / "run-image").exists():
        return
    here = Place()
    here.run(sys.executable, "-m", "venv", VENV)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps")
    here.run(SCRIPTS / "pip", "install", *options, f"dockerutils=={RELEASE}")
