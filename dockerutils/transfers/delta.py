"""Files for sites without a network: an image without the layers that its receiver has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dockerutils.engine import Engine, ImageFacts
from dockerutils.errors import ProjectError
from dockerutils.oci.archive import archive_entries
from dockerutils.oci.archive_files import ArchiveFiles, open_archive
from dockerutils.oci.archive_reading import Wanted, image_in
from dockerutils.oci.digest import is_digest
from dockerutils.oci.image import OciImage
from dockerutils.oci.layer import Advance, identities
from dockerutils.oci.tar import Entry
from dockerutils.oci.wire import GZIP, NONE, ZSTD, travelling
from dockerutils.runner import Crew
from dockerutils.sinks.blobs import watched
from dockerutils.sinks.engine import HELD, EngineSink, Refused, common, inventory
from dockerutils.sinks.files import new_file, pour
from dockerutils.sinks.sink import Placed
from dockerutils.sources.supply import Supply
from dockerutils.sources.zstd import expanded, is_zstd

ABOUT = "dockerutils.json"  # what a file needs, before all else in it; docker passes it over
FORM = 1
ENDINGS = {".tar": NONE, ".zst": ZSTD, ".zstd": ZSTD}
AGAIN = "Have it written and brought again."


@dataclass(frozen=True)
class About:
    """What stands in a file: the image's name, and the layers that have to be there already.

    `base` says in words who has these.
    """

    reference: str
    requires: tuple[str, ...] = ()
    base: str = ""

    def entry(self) -> Entry:
        """Give it as the first file of an archive."""
        told = {
            "form": FORM,
            "image": self.reference,
            "requires": list(self.requires),
            "base": self.base,
        }
        data = json.dumps(told, indent=1).encode()
        return Entry(ABOUT.encode(), size=len(data), content=data)


def form_of(path: Path, compress: str, auto: str) -> str:
    """Give how a file is compressed: as is asked, or by its name; `docker load` reads gzip."""
    return ENDINGS.get(path.suffix, GZIP) if compress == auto else compress


def write_delta(path: Path, supply: Supply, about: About, form: str, advance: Advance) -> int:
    """Write an image without the layers that are required; give the file's bytes."""
    layers = supply.subject.facts.layers
    supply.want(form, layers[len(about.requires) :], every_size=True)
    present = set(about.requires) - set(layers[len(about.requires) :])

    def entries() -> Iterator[Entry]:
        yield about.entry()
        yield from archive_entries(supply.image(), about.reference, present)

    chunks = travelling(entries(), form, supply.chunks)
    with new_file(path) as file:
        pour(watched(chunks, advance), file, path)
        return file.tell()


def read_about(files: ArchiveFiles, path: Path) -> About:
    """Read what a file needs; one that others wrote needs nothing."""
    if not files.has(ABOUT):
        return About("")
    try:
        told = json.loads(files.read(ABOUT))
        about = About(str(told["image"]), tuple(told["requires"]), str(told["base"]))
        if told["form"] == FORM and all(map(is_digest, about.requires)):
            return about
    except (ValueError, KeyError, TypeError):
        pass
    raise ProjectError(
        f"{path} is damaged, or of a newer dockerutils: its {ABOUT} cannot be read.", AGAIN
    )


@contextmanager
def opened_delta(path: Path, crew: Crew) -> Iterator[tuple[About, OciImage]]:
    """Give what a file says of itself, and the image in it; raise `ProjectError`."""
    with ExitStack() as stack:
        plain = stack.enter_context(expanded(path, crew)) if is_zstd(path) else path
        try:
            files = open_archive(plain)
            about = read_about(files, path)
            wanted = Wanted(about.reference, held=frozenset(about.requires))
            image = image_in(files, wanted, None)
        except ProjectError as error:
            message = error.message.replace(str(plain), str(path))
            raise ProjectError(message, error.hint) from None
        if image.diff_ids[: len(about.requires)] != about.requires:
            raise ProjectError(f"{path} is damaged: it needs layers of another image.", AGAIN)
        yield about, image


def load_delta(
    path: Path, about: About, image: OciImage, *, engine: Engine, crew: Crew, advance: Advance
) -> Placed:
    """Load the image of a file; raise `ProjectError` where what it stands on is not there."""
    reference = about.reference or image.reference
    if not reference:
        raise ProjectError(
            f"the image in {path} has no name.", f"`docker load -i {path}` loads it."
        )
    known = inventory(engine, image.diff_ids)
    if common(known, image.diff_ids) < len(about.requires):
        raise wrong_base(path, about)
    identities(image.layers[len(about.requires) :], advance=lambda _bytes: advance(0), sizes=True)
    told = {HELD: ImageFacts("", about.requires)}
    there = engine.facts([reference])
    sink = EngineSink(reference, engine, crew, HELD, told={**told, **there})
    try:
        return sink.put(image, advance)
    except Refused as refused:
        raise wrong_base(path, about) if about.requires else refused from refused
    except ProjectError as error:
        if about.requires:
            raise wrong_base(path, about) from error
        raise


def wrong_base(path: Path, about: About) -> ProjectError:
    """Describe a file that builds upon what is not there."""
    return ProjectError(
        f"{path} is {about.reference} without the layers of {about.base}, and this engine does not "
        "have those, or not in the same form.",
        f"Bring {about.base} here first, or have the file written without --base.",
    )
