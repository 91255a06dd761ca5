"""What the command line of build-image says, apart from what does it: that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass

from dockerutils.images.recipe import BuildRequest


@dataclass(frozen=True)
class BuildOptions:
    """What the command line of build-image says besides the names of images."""

    force_build_base: bool = False
    pull_base: bool = False
    image_name: str = ""
    image_tag: str = ""
    no_cache: bool = False
    build_arg: tuple[str, ...] = ()
    target: str = ""
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    rebuild: bool = False
    jobs: int = 0
    output: str = ""
    verify: str = ""

    @property
    def request(self) -> BuildRequest:
        """What it asks of the images that are named."""
        return BuildRequest(
            no_cache=self.no_cache,
            quiet=self.quiet,
            verbose=self.verbose,
            build_args=self.build_arg,
        )
