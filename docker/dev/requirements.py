"""Print all that pyproject.toml asks for: to build, to run and to develop."""

from __future__ import annotations

import sys
from pathlib import Path

import tomllib

project = tomllib.loads(Path(sys.argv[1]).read_text())
wanted = [
    *project["build-system"]["requires"],
    *project["project"]["dependencies"],
    *project["dependency-groups"]["dev"],
]
sys.stdout.writelines(f"{requirement}\n" for requirement in wanted)
