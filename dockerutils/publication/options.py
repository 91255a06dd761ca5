"""What the command line of publish-image says, apart from what does it, which loads slowly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishOptions:
    """What the command line of publish-image says besides the names of images."""

    image_name: str = ""
    image_tag: str = ""
    tag: tuple[str, ...] = ()
    json: bool = False
    pin: bool = False
