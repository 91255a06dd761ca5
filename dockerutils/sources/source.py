"""What every place that images come from can do."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from dockerutils.oci.image import OciImage


class Source(Protocol):
    """A place that an image comes from."""

    def open(self) -> AbstractContextManager[OciImage]:
        """Give the image; its layers can be read as long as the `with` lasts."""
