"""The images of a project by name: folders, synthetic and configuration-only ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dockerutils.config.model import DOCKERFILE, ImageSettings, Origin, check_tag
from dockerutils.config.problems import closest, unset_variable
from dockerutils.config.template import Scope, UnsetVariable
from dockerutils.errors import ConfigError, ProjectError
from dockerutils.naming import Reference, valid_component
from dockerutils.project import Project
from dockerutils.roots import TREE

RESERVED = ("all", "clean")  # words of build-image, never names of images


@dataclass(frozen=True)
class Image:
    """An image as a user names it. `source` is the image that it is a synthetic form of, or its
    own name; `built` tells whether this project makes it, and `made_as` as which image type."""

    name: str
    reference: Reference
    settings: ImageSettings
    source: str
    built: bool
    made_as: str = DOCKERFILE


@dataclass(frozen=True)
class Catalogue:
    """Resolves the names of images; `tag` and `repository`, if given, are those of `renamed`."""

    project: Project
    renamed: frozenset[str] = frozenset()
    tag: str = ""
    repository: str = ""

    @cached_property
    def built(self) -> tuple[str, ...]:
        """Name the images that this project makes, in order."""
        images = self.project.config.images
        folderless = {name for name, settings in images.items() if settings.folderless}
        with_dockerfile = filter(self._has_dockerfile, self.project.folders)
        return tuple(sorted({*folderless, *with_dockerfile}.difference(RESERVED)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name all images, in order."""
        return tuple(sorted({*self.built, *self.project.config.images}))

    @cached_property
    def _made(self) -> frozenset[str]:
        return frozenset(self.built)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def find(self, name: str) -> Image:
        """Give an image by its name; raise `ProjectError` for one that there is not."""
        if name not in self._known:
            raise self._unknown(name)
        source = self._source(name)
        settings = self.project.config.settings(name)
        if self._is_unmade(source):
            raise self._unmade(source)
        self._check_sources(source)
        return Image(
            name=name,
            reference=Reference(self._repository(source), self._tag(name, source)),
            settings=settings,
            source=source,
            built=source in self._made,
            made_as=self.project.config.settings(source).made_as,
        )

    @cached_property
    def siblings(self) -> dict[str, tuple[Image, ...]]:
        """Give the images that this project makes by their repositories.

        One whose tag cannot be told, for want of a variable, is nobody's sibling.
        """
        found: dict[str, tuple[Image, ...]] = {}
        for name in self.built:
            try:
                image = self.find(name)
            except ConfigError:
                continue
            repository = image.reference.repository
            found[repository] = (*found.get(repository, ()), image)
        return found

    def check_names(self) -> None:
        """Raise `ConfigError` where two images would get the same name and tag."""
        for images in self.siblings.values():
            first: dict[str, Image] = {}
            for image in images:
                twin = first.setdefault(image.reference.tag, image)
                if twin is not image:
                    raise ConfigError(
                        f"the images {twin.name} and {image.name} would both be {image.reference}.",
                        "Rename one of their folders, or give one a `name` or a `tag`.",
                    )

    def _source(self, name: str) -> str:
        """Follow synthetic images to the one that has a name of its own."""
        passed = [name]
        while passed[-1] not in self._made:
            following = self.project.config.settings(passed[-1]).image
            if following is None:
                break
            if following in passed:
                raise ConfigError(f"synthetic images name each other: {' → '.join(passed)}.")
            passed.append(following)
        return passed[-1]

    def _repository(self, source: str) -> str:
        if self.repository and source in self.renamed:
            return self.repository
        settings = self.project.config.settings(source)
        name = settings.name or source
        if settings.prefix is False:
            return name
        parts = (valid_component(part) or "image" for part in name.split("/"))
        return f"{self.project.name}-{'/'.join(parts)}"

    def _tag(self, name: str, source: str) -> str:
        if self.tag and name in self.renamed:
            return self.tag
        for image in (name, source):
            tag = self.project.config.settings(image).tag
            if tag:
                return self._expanded_tag(image, tag)
        return self.project.tag

    def _expanded_tag(self, image: str, tag: str) -> str:
        """Give a tag whose variables are replaced; raise `ConfigError` if docker refuses it."""
        origin = self.project.config.origins.get((image, "tag"), Origin(f"[{image}]", 0))
        try:
            expanded = Scope(self.project.variables, self.project.environ).expand(tag)
        except UnsetVariable as error:
            raise unset_variable(error, origin, image, "tag") from error
        try:
            check_tag(expanded.replace("$", " "))
        except ValueError:
            raise ConfigError(
                f"{origin}: [{image}] tag: `{tag}` is `{expanded}` here, which docker refuses."
            ) from None
        return expanded

    def _has_dockerfile(self, name: str) -> bool:
        return (self.project.root / self.project.dockerfile(name)).is_file()

    def _is_unmade(self, name: str) -> bool:
        """Tell whether a folder or a type stands for an image that is made neither here nor
        elsewhere."""
        settings = self.project.config.settings(name)
        if name in self._made:
            return False
        return settings.folderless or (
            name in self.project.folders and settings.prefix is not False
        )

    def _check_sources(self, name: str) -> None:
        """Raise `ConfigError` for an image that could be made in two ways."""
        settings = self.project.config.settings(name)
        if settings.folderless and self._has_dockerfile(name):
            origin = self.project.config.origins.get((name, "type"), Origin(f"[{name}]", 0))
            path = self.project.dockerfile(name)
            raise ConfigError(
                f"{origin}: [{name}] type is {settings.type}, but there is {path} as well.",
                "Remove the Dockerfile, or the key `type`.",
            )

    def _unmade(self, name: str) -> ProjectError:
        if name in RESERVED:
            return self._unknown(name)
        return ProjectError(
            f"{TREE}/{name}/ has no Dockerfile.",
            f"Write {self.project.dockerfile(name)}, or name another image.",
        )

    def _unknown(self, name: str) -> ProjectError:
        if name in RESERVED:
            return ProjectError(f"`{name}` is a word of build-image and cannot be an image's name.")
        if name in self.project.folders:
            return self._unmade(name)
        if not self.names:
            return ProjectError(
                f"there is no image {name}, nor any other: no folder of {TREE}/ has a Dockerfile."
            )
        hint = f"The images of this project: {', '.join(self.names)}."
        likely = closest(name, self.names) or closest(name.lower(), self.names)
        return ProjectError(f"there is no image {name}{likely or '.'}", hint)
