"""The image type `debian`: a file tree of Debian packages as the one layer of an image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dockerutils import docker_cli
from dockerutils.command import Command, Stdin
from dockerutils.config.debian_keys import VARIANT
from dockerutils.config.model import ImageSettings
from dockerutils.debian import archive
from dockerutils.debian.apt_sources import AptMachine
from dockerutils.debian.bootstrap import PROGRAM, Bootstrap, Selection, own_mode, workplace
from dockerutils.debian.failures import explained, no_such_suite, not_installed
from dockerutils.debian.trees import Trees
from dockerutils.errors import CommandFailed, ConfigError, DockerutilsError
from dockerutils.expansion import Expansion
from dockerutils.files import cache_folder
from dockerutils.images.baked import PATH, Baked
from dockerutils.images.baking import baked_of, created_of, moment
from dockerutils.images.catalogue import Image
from dockerutils.images.inputs import secret_digest
from dockerutils.images.recipe import (
    Assembled,
    Bench,
    BuildRequest,
    Contexts,
    Details,
    Ground,
    NamedImage,
    Unbuilt,
)
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.image import ImageConfig, OciImage, own_architecture
from dockerutils.oci.layer import Layer, made_layer
from dockerutils.oci.tar import Entry, tar_stream

CMD = ("bash",)
CHUNK = 1 << 20
BLOCK = 512  # bytes of the header of a folder
UNKNOWN = "unknown"  # the state of archives that could not be asked
UNASKED = (
    "the Debian archive could not be asked whether it has changed; what was made of it before is"
    " used."
)


@dataclass(frozen=True)
class DebianParts:
    """What an image made from Debian packages consists of, by its settings."""

    image: Image
    expansion: Expansion
    settings: ImageSettings
    place: Path
    machine: AptMachine = field(default_factory=AptMachine)

    @cached_property
    def suite(self) -> str:
        """The release, as it is set or this machine's own; raise `ConfigError` for none."""
        suite = self.settings.suite or self.machine.suite
        if not suite:
            raise ConfigError(
                f"{self.place}: [{self.image.name}] names no release of Debian, and this machine"
                " has none itself.",
                "Write one as `suite`, such as bookworm.",
            )
        return suite

    @cached_property
    def selection(self) -> Selection:
        """The packages, and what is kept of them."""
        return Selection(
            suite=self.suite,
            packages=self.settings.packages or (),
            variant=self.settings.variant or VARIANT,
            documentation=self.settings.documentation is not False,
            locales=self.settings.locales is not False,
        )

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """The packages with the archives that they come from."""
        return Bootstrap(self.selection, self.machine.sources(self.suite))

    @property
    def cache(self) -> Path:
        """The folder of what is kept between builds."""
        return cache_folder(self.expansion.environ, self.expansion.project.home)

    def created(self) -> str:
        """Tell when the image is said to be made: `now`, or a date."""
        return created_of(self.settings, self.expansion.environ)

    def baked(self) -> Baked:
        """Give what the image says of its containers."""
        baked = baked_of(self.settings, self.expansion)
        cmd = CMD if baked.cmd is None and baked.entrypoint is None else baked.cmd
        variables = tuple({"PATH": PATH, **dict(baked.variables)}.items())
        return replace(baked, cmd=cmd, variables=variables)


@dataclass(frozen=True)
class DebianAssembly:
    """Debian packages upon nothing."""

    parts: DebianParts
    trusted: bool = True

    @property
    def ground(self) -> Ground | None:
        """Nothing: no builder takes part."""
        return None

    @property
    def base(self) -> str:
        """No image."""
        return ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The release and the packages."""
        chosen = self.parts.selection
        return (f"Debian's {chosen.suite} ({', '.join((chosen.variant, *chosen.packages))})",)

    def upon(self, base: OciImage, labels: Mapping[str, str], bench: Bench) -> Assembled:
        """Install the packages, or take the tree that was made of them before."""
        del base
        parts, warnings = self.parts, []
        tree, is_old = self._tree(bench)
        if is_old:
            warnings.append(UNASKED)
        baked = parts.baked()
        config = ImageConfig(
            architecture=own_architecture(),
            created=moment(parts.created()),
            settings=replace(baked, labels=(*baked.labels, *labels.items())).over({}),
            steps=(f"dockerutils: {' '.join(self.sources)}",),
        )
        layer = layer_of(tree, DigestCache(parts.cache / "digests"))
        return Assembled(OciImage((layer,), config.to_json), tuple(warnings))

    def verify(self, image: str, bench: Bench) -> None:
        """Have dpkg in the image check that each package is installed whole."""
        command = docker_cli.run_apart(image, "dpkg", ["--audit"])
        answer = bench.read(command)
        if answer.status or answer.output:
            raise DockerutilsError(
                f"{self.parts.image.reference} has packages that are not installed whole:"
                f" {(answer.output or answer.errors).strip()}",
                "Build it again with --no-cache.",
            )

    def _tree(self, bench: Bench) -> tuple[Path, bool]:
        """Give the tar of the tree, and whether it may be older than the archives."""
        bootstrap = self.parts.bootstrap
        trees, recipe = Trees(self.parts.cache / "debian"), bootstrap.recipe
        asked = archive.ask(bootstrap.sources, bench.read, bench.scratch)
        if self.trusted:
            found = trees.find(recipe, asked.state) if asked.state else trees.newest(recipe)
            if found:
                return found, not asked.state
        for one in asked.absent:
            if one.suite == self.parts.suite:
                raise no_such_suite(one.address, one.suite)
        there = tuple(one for one in bootstrap.sources if one not in asked.absent)
        installed = self._installed(replace(bootstrap, sources=there), bench)
        return trees.keep(recipe, asked.state or UNKNOWN, installed), False

    def _installed(self, bootstrap: Bootstrap, bench: Bench) -> Iterator[bytes]:
        """Install the packages and give the tree as a tar."""
        if not shutil.which(PROGRAM, path=self.parts.expansion.environ.get("PATH")):
            raise not_installed()
        try:
            with (
                workplace() as folder,
                bench.stream(
                    bootstrap.command(own_mode(), folder, self.parts.expansion.environ)
                ) as output,
            ):
                yield empty_dev()
                while chunk := output.read(CHUNK):
                    yield chunk
        except CommandFailed as error:
            place = f"{self.parts.place}: [{self.parts.image.name}]"
            raise explained(error.said, bootstrap.selection, place) from error


def empty_dev() -> bytes:
    """Give the header of the folder that engines mount devices upon."""
    return b"".join(tar_stream([Entry(b"dev", mode=0o755, directory=True)]))[:BLOCK]


def layer_of(tree: Path, cache: DigestCache) -> Layer:
    """Give a tar as a layer; it is known again by its name, size, time and inode."""

    def chunks() -> Iterator[bytes]:
        with tree.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    found = tree.stat()
    fingerprint = f"{tree.name} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return made_layer("Debian packages", chunks, fingerprint, cache, found.st_size)


@dataclass(frozen=True)
class DebianReading(Unbuilt):
    """Debian packages that are to become an image."""

    parts: DebianParts

    @property
    def uses(self) -> tuple[NamedImage, ...]:
        """No image."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing that a user would have to know."""
        return ()

    def takes(self, file: str) -> bool:
        """Take nothing of the project."""
        del file
        return False

    def details(self, request: BuildRequest, contexts: Contexts, whole: bool) -> Details:
        """Give the packages, what this machine's apt knows of the archives, and the settings."""
        del request, contexts, whole
        chosen = self.parts.selection
        dates = self.parts.machine.dates(chosen.suite)
        return {
            "selection": dict.fromkeys(chosen.packages, ""),
            "archive": {f"the archive's {name}": date for name, date in dates.items()},
            "options": {
                "suite": chosen.suite,
                "variant": chosen.variant,
                "documentation": str(chosen.documentation),
                "locales": str(chosen.locales),
                "created": self.parts.created(),
                "image settings": secret_digest(repr(self.parts.baked())),
            },
        }

    def assembly(self, request: BuildRequest) -> DebianAssembly:
        """Give how it is put together."""
        return DebianAssembly(self.parts, not request.no_cache)

    def commands(self, request: BuildRequest, stand_ins: Mapping[str, str]) -> tuple[Command, ...]:
        """Give an import by docker of what mmdebstrap writes."""
        del request, stand_ins
        label = f"LABEL {docker_cli.IMAGE_LABEL}={self.parts.image.reference.repository}"
        changes = (*self.parts.baked().instructions(), label)
        written = self.parts.bootstrap.command(own_mode(), "", self.parts.expansion.environ)
        return (docker_cli.import_tree(self.tags[0], changes, Stdin("", str(written))),)


def read_debian(image: Image, expansion: Expansion, request: BuildRequest) -> DebianReading:
    """Read the settings of an image made from Debian packages."""
    del request
    project = expansion.project
    settings = project.config.settings(image.source)
    origin = project.config.origins.get((image.source, "type"))
    return DebianReading(
        DebianParts(image, expansion, settings, Path(origin.file if origin else "."))
    )
