"""The image types, by the name that the key `type` gives them, and the graph that they make."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dockerutils.config.substitute import VARIABLE, parse_substitutes
from dockerutils.errors import ConfigError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.images.dockerfile import read_dockerfile
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import BuildRequest, Reading, Recipe
from dockerutils.project import Project


def read_venv(image: Image, expansion: Expansion, request: BuildRequest) -> Reading:
    """Read an image made from a virtualenv; what that takes is loaded for the first one."""
    from dockerutils.images import venv  # noqa: PLC0415

    return venv.read_venv(image, expansion, request)


def read_debian(image: Image, expansion: Expansion, request: BuildRequest) -> Reading:
    """Read an image made from Debian packages; what that takes is loaded for the first one."""
    from dockerutils.images import debian  # noqa: PLC0415

    return debian.read_debian(image, expansion, request)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {"dockerfile": read_dockerfile, "venv": read_venv, "debian": read_debian}
)


def open_graph(
    catalogue: Catalogue, environ: Mapping[str, str], request: BuildRequest | None = None
) -> Graph:
    """Give the graph of a catalogue's images; each is read when it is asked for."""
    stand_ins = substitutes(catalogue.project, environ)
    return Graph(catalogue, RECIPES, environ, request or BuildRequest(), stand_ins)


def substitutes(project: Project, environ: Mapping[str, str]) -> dict[str, str]:
    """Give what stands in for images that Dockerfiles name; the environment wins."""
    try:
        from_environment = parse_substitutes(environ.get(VARIABLE, ""))
    except ValueError as error:
        raise ConfigError(f"the environment variable {VARIABLE} {error}.") from error
    return dict((*project.config.substitute, *from_environment))
