"""The image types, by the name that the key `type` gives them, and the graph that they make."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dockerutils.config.substitute import VARIABLE, parse_substitutes
from dockerutils.errors import ConfigError
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.dockerfile import read_dockerfile
from dockerutils.images.graph import Graph
from dockerutils.images.recipe import BuildRequest, Recipe
from dockerutils.project import Project

RECIPES: Mapping[str, Recipe] = MappingProxyType({"dockerfile": read_dockerfile})


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
