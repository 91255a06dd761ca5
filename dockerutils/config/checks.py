"""What is checked once all images are read, whatever the spelling: that they fit together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from dockerutils.config.key import Key, given
from dockerutils.config.model import (
    FOLDERLESS,
    IMAGE_KEYS,
    Config,
    ImageSettings,
    Origin,
    check_repository,
)
from dockerutils.config.problems import Problems, closest


@dataclass(frozen=True)
class ImageChecks:
    """The checks of the images of one file, in which the key `target` names a synthetic's image."""

    config: Config
    folders: Collection[str]
    problems: Problems
    target: str

    def run(self) -> None:
        """Note what is wrong or odd with any image."""
        for name, settings in self.config.images.items():
            self._check_target(name, settings)
            self._check_circle(name)
            self._check_name(name, settings)
            self._check_purpose(name, settings)
            self._check_type(name, settings)

    def _check_target(self, image: str, settings: ImageSettings) -> None:
        if settings.image is not None and settings.image not in self._known:
            sentence = f"names `{settings.image}`, {self._stranger(settings.image)}"
            self._fault(image, "image", sentence)

    def _check_circle(self, image: str) -> None:
        """Find a circle from the first of its names on, so that it is told once."""
        circle = [image]
        while (following := self.config.settings(circle[-1]).image) not in (None, *circle):
            circle.append(str(following))
        if following == image and image == min(circle):
            way = " → ".join([*circle, image])
            self._fault(image, "image", f"names a circle: {way}; let one name a folder of docker/.")

    def _check_name(self, image: str, settings: ImageSettings) -> None:
        """A whole name has to be one for docker; what follows a prefix is made one."""
        if settings.name and settings.prefix is False:
            origin = self._origin(image, "name")
            self.problems.attempt(
                lambda: check_repository(settings.name or ""), origin, image, "name"
            )

    def _check_purpose(self, image: str, settings: ImageSettings) -> None:
        """Warn of an image that is neither made here nor said to be elsewhere."""
        elsewhere = settings.image or settings.prefix is False
        if image in self.folders or elsewhere or settings.folderless:
            return
        if settings.name:
            sentence = f"is `{settings.name}`, {self._stranger(settings.name)}"
        else:
            hint = closest(image, self._known - {image}) or f"; write `{self.target} = IMAGE`."
            sentence = f"has no folder in docker/ and names no other image{hint}"
        key = "name" if settings.name else ""
        self.problems.warn(self._origin(image, key), image, key, sentence)

    def _check_type(self, image: str, settings: ImageSettings) -> None:
        """An image has the keys of its type; one that is another's form is not made at all."""
        if settings.image and settings.type in FOLDERLESS:
            self._fault(image, "type", f"cannot stand beside {self.target}: remove one of them.")
            return
        if settings.type is None and (image, "type") in self.config.origins:
            return  # one that there is not, which is told already
        for name in given(settings):
            if not IMAGE_KEYS[name].suits(settings.made_as):
                way = f"write `type = {IMAGE_KEYS[name].types[0]}`, or leave the key out."
                if settings.image:
                    way = f"it belongs to `{settings.image}`, which is what is made."
                foreign = foreign_to(settings.made_as, IMAGE_KEYS[name])
                self._fault(image, name, f"{foreign}; {way}")

    @cached_property
    def _known(self) -> set[str]:
        return {*self.config.images, *self.folders}

    def _stranger(self, name: str) -> str:
        hint = closest(name, self._known) or "; name one of its images."
        return f"which is no image of this project{hint}"

    def _fault(self, image: str, key: str, sentence: str) -> None:
        shown = self.target if key == "image" else key
        self.problems.fault(self._origin(image, key), image, shown, sentence)

    def _origin(self, image: str, key: str) -> Origin:
        places = ((image, key), (image, ""))
        found = (self.config.origins[place] for place in places if place in self.config.origins)
        return next(found, Origin(self.problems.file, 0))


def foreign_to(image_type: str, key: Key) -> str:
    """Say that images of a type do not have a key."""
    return f"is a key of the image type {' or '.join(key.types)}, and this one is {image_type}"
