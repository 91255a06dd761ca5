"""How the options of venv2docker are written on the command line, and their help."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dockerutils.arguments import flag

PACK_FLAGS: Mapping[str, Any] = MappingProxyType(
    {
        "apt": flag("--apt", metavar="PACKAGES|FILE", help="Install Debian packages in the image."),
        "args": flag("--args", metavar="ARGS", help="Hand ARGS to the program of --entrypoint."),
        "base": flag("-b", "--base", metavar="IMAGE", help="Stand on IMAGE, not python:X.Y-slim."),
        "bin_path": flag("--bin-path", metavar="PATH", help="Put the project below PATH."),
        "clean": flag("-c", "--clean", help="Only remove what an earlier build left."),
        "debug": flag("-d", "--debug", help="Print all values in the end."),
        "dockerdir": flag(
            "--dockerdir", "--build-dir", metavar="DIR", help="Keep the build's files in DIR."
        ),
        "entrypoint": flag("--entrypoint", metavar="PROGRAM", help="Start PROGRAM in containers."),
        "env": flag("-e", "--env", metavar="NAME=VALUE,...", help="Set variables in the image."),
        "lib_path": flag("--lib-path", metavar="PATH", help="Put the virtualenv below PATH."),
        "maintainer": flag("--maintainer", metavar="NAME", help="Say who looks after the image."),
        "name": flag("-n", "--name", metavar="NAME", help="Name the image, not as the virtualenv."),
        "no_cleanup_on_error": flag(
            "--no-cleanup-on-error", help="Keep the files of a failed build."
        ),
        "no_dangling": flag("--no-dangling", help="Remove the image that had the name before."),
        "no_log": flag("--no-log", help="Keep no build.log."),
        "no_project_path": flag("--no-project-path", help="Leave the project off PATH."),
        "no_project_pypath": flag("--no-project-pypath", help="Leave the project off PYTHONPATH."),
        "no_prompt": flag("-y", "--no-prompt", help="Do not ask."),
        "no_remove_build_dir": flag(
            "--no-remove-build-dir", help="Keep a Dockerfile and what it adds, and build.log."
        ),
        "paths": flag("--paths", metavar="PATHS", help="Add PATHS to PATH."),
        "pip": flag("--pip", metavar="FILE", help="Install the requirements of FILE in the image."),
        "ports": flag("--ports", metavar="PORTS", help="Expose PORTS."),
        "push": flag("-p", "--push", help="Push the image to its registry."),
        "pypaths": flag("--pypaths", metavar="PATHS", help="Add PATHS to PYTHONPATH."),
        "run": flag("-r", "--run", help="Run the image in the end."),
        "skip_image": flag(
            "-s",
            "--skip-image",
            help="Only write a Dockerfile and what it adds, to build elsewhere.",
        ),
        "tag": flag("-t", "--tag", metavar="TAG", help="Tag the image TAG, not latest."),
        "user": flag("-u", "--user", metavar="USER", help="Run containers as USER."),
        "workdir": flag(
            "-w", "--workdir", metavar="PATH", help="Start in PATH, not in the project."
        ),
    }
)
