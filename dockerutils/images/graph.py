"""What stands on what: the order in which images are built, taken from their sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dockerutils.config.problems import closest
from dockerutils.errors import ProjectError
from dockerutils.expansion import Expansion
from dockerutils.images.catalogue import Catalogue, Image
from dockerutils.images.recipe import BuildRequest, NamedImage, Node, Recipe
from dockerutils.naming import split_reference


@dataclass
class Graph:
    """Reads images as they are asked for, each once."""

    catalogue: Catalogue
    recipes: Mapping[str, Recipe]
    environ: Mapping[str, str]
    request: BuildRequest
    substitute: Mapping[str, str]
    nodes: dict[str, Node] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        """Give an image that this project makes, with its sources."""
        if name not in self.nodes:
            self.nodes[name] = self._read(self.catalogue.find(name))
        return self.nodes[name]

    def read_again(self, name: str) -> Node:
        """Read an image whose sources may have changed meanwhile."""
        del self.nodes[name]
        return self.node(name)

    def order(self, names: Iterable[str]) -> list[Node]:
        """Give the named images and all siblings below them: bases first, each once.

        Raises `ProjectError` for images that stand on each other, `ConfigError` for two of a name.
        """
        self.catalogue.check_names()
        done: dict[str, Node] = {}
        for name in names:
            self._visit(name, done)
        return list(done.values())

    def _visit(self, name: str, done: dict[str, Node]) -> None:
        """Walk down from an image without recursion, so that a long chain is no limit."""
        path: dict[str, Iterator[str]] = {}
        following: str | None = name
        while following is not None or path:
            if following is not None and following not in done:
                if following in path:
                    raise cycle([*path, following], self.nodes)
                path[following] = iter(self.node(following).bases)
            current = next(reversed(path), None)
            if current is None:
                return
            following = next(path[current], None)
            if following is None:
                done[current] = self.node(current)
                del path[current]

    def _read(self, image: Image) -> Node:
        expansion = Expansion(self.catalogue.project, self.environ, image.name)
        reading = self.recipes[image.made_as](image, expansion, self.request)
        strangers: list[str] = []
        uses = {use.name: self._sibling(use, strangers) for use in reading.uses}
        meant = {name: sibling for name, sibling in uses.items() if sibling}
        stand_ins = {name: self.substitute[name] for name in uses if name in self.substitute}
        untagged = {
            name: str(sibling.reference)
            for name, sibling in meant.items()
            if not split_reference(name)[1]
        }
        return Node(
            image=image,
            reading=reading,
            bases=tuple(dict.fromkeys(sibling.name for sibling in meant.values())),
            stand_ins={**stand_ins, **untagged},
            siblings={name: sibling.name for name, sibling in meant.items()},
            foreign=tuple(name for name in uses if not self._candidates(name)),
            strangers=tuple(strangers),
        )

    def _sibling(self, use: NamedImage, strangers: list[str]) -> Image | None:
        """Give the sibling that is meant; one with another tag is none, and noted."""
        tag = split_reference(use.name)[1]
        candidates = self._candidates(use.name)
        for image in candidates:
            if tag in ("", image.reference.tag):
                return image
        if candidates:
            here = ", ".join(str(image.reference) for image in candidates)
            strangers.append(f"{use.place} names {use.name}, but this project builds {here}.")
        elif self._looks_like_ours(use.name):
            likely = closest(split_reference(use.name)[0], self.catalogue.siblings) or "."
            strangers.append(f"{use.place} names {use.name}, no image of this project{likely}")
        return None

    def _looks_like_ours(self, name: str) -> bool:
        """Tell whether a name has the project's prefix, and nothing stands in for it."""
        prefix = f"{self.catalogue.project.name}-"
        return name.startswith(prefix) and "@" not in name and name not in self.substitute

    def _candidates(self, name: str) -> tuple[Image, ...]:
        return self.catalogue.siblings.get(split_reference(name)[0], ())


def cycle(path: list[str], nodes: Mapping[str, Node]) -> ProjectError:
    """Describe images that stand on each other."""
    ring = path[path.index(path[-1]) :]
    first = nodes[ring[0]]
    place = next(use.place for use in first.reading.uses if first.siblings.get(use.name) == ring[1])
    if len(ring) == 2:
        message = f"the image {ring[0]} stands on itself."
    else:
        message = f"these images stand on each other: {' → '.join(ring)}."
    return ProjectError(message, f"Take one FROM, COPY --from or `base` away; see {place}.")
