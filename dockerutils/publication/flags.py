"""How the options of publish-image are written on the command line, and their help."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dockerutils.arguments import flag

PUBLISH_FLAGS: Mapping[str, Any] = MappingProxyType(
    {
        "image_name": flag(
            "-i", "--image-name", metavar="NAME", help="Publish this image of the engine instead."
        ),
        "image_tag": flag(
            "-t", "--image-tag", metavar="TAG", help="Publish the image of this tag."
        ),
        "tag": flag("--tag", metavar="TAG", help="Give it this tag there, too. Repeatable."),
        "json": flag("--json", help="Tell on standard output what became of each image."),
        "pin": flag("--pin", help="Write names and digests into docker/images.lock."),
    }
)
