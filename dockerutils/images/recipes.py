"""The image types, by the name that the key `type` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dockerutils.images.dockerfile import read_dockerfile
from dockerutils.images.recipe import Recipe

RECIPES: Mapping[str, Recipe] = MappingProxyType({"dockerfile": read_dockerfile})
