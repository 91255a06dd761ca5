"""What every place that images go to can do, and what is told of an image that arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dockerutils.oci.layer import Advance, Layer, ignore

if TYPE_CHECKING:
    from dockerutils.oci.image import OciImage


@dataclass(frozen=True)
class Placed:
    """An image that has arrived: its name there, its ID, and the bytes of layers that moved.

    `digest` is that of its manifest, "" where the place has none. `sent` counts bytes as they
    were sent, compressed or not; `skipped` those of the layers that were there already, as far
    as their size is known.
    """

    reference: str
    id: str
    digest: str = ""
    sent: int = 0
    skipped: int = 0
    layers_sent: int = 0


class Sink(Protocol):
    """A place that images go to."""

    def missing(self, image: OciImage) -> tuple[Layer, ...]:
        """Give the layers that it does not have yet, bottom first; nothing moves."""

    def put(self, image: OciImage, advance: Advance = ignore) -> Placed:
        """Bring an image there, and name it only once all of it is there."""
