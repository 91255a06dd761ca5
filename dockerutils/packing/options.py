"""What the command line of venv2docker says, apart from what does it: that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass

BIN_PATH = "/usr/local/bin"
LIB_PATH = "/usr/local/lib"
BUILD_FOLDER = ".venv2docker"


@dataclass(frozen=True)
class PackOptions:
    """The options of venv2docker; lists are written with commas."""

    apt: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    base: str = ""
    bin_path: str = BIN_PATH
    clean: bool = False
    debug: bool = False
    dockerdir: str = BUILD_FOLDER
    entrypoint: str = ""
    env: tuple[str, ...] = ()
    lib_path: str = LIB_PATH
    maintainer: str = ""
    name: str = ""
    no_cleanup_on_error: bool = False
    no_dangling: bool = False
    no_log: bool = False
    no_project_path: bool = False
    no_project_pypath: bool = False
    no_prompt: bool = False
    no_remove_build_dir: bool = False
    paths: tuple[str, ...] = ()
    pip: str = ""
    ports: tuple[str, ...] = ()
    push: bool = False
    pypaths: tuple[str, ...] = ()
    run: bool = False
    skip_image: bool = False
    tag: str = ""
    user: str = ""
    workdir: str = ""
