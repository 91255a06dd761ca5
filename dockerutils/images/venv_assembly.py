"""Putting a virtualenv upon a base: what is checked before, and what the image says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dockerutils.config.venv_keys import (
    VENV,
)
from dockerutils.errors import ProjectError
from dockerutils.images.baking import moment
from dockerutils.images.packages import Packages
from dockerutils.images.recipe import (
    Assembled,
    Bench,
)
from dockerutils.images.venv_parts import VenvParts
from dockerutils.oci.image import ImageConfig, OciImage, parse_config
from dockerutils.oci.layer import Layer
from dockerutils.venv.base import BaseFacts, read_base
from dockerutils.venv.checks import ERROR, Contents, check
from dockerutils.venv.elf_facts import read_all

if TYPE_CHECKING:
    from dockerutils.venv.bundle import Bundle

MOST = 120  # layers of an image with its base; an engine takes 127 (moby, layer.MaxLayerDepth)


@dataclass(frozen=True)
class VenvAssembly:
    """A virtualenv upon a base."""

    parts: VenvParts
    trusted: bool = True

    @property
    def base(self) -> str:
        """The image that it is put upon."""
        return self.parts.base

    @property
    def ground(self) -> Packages | None:
        """The packages that are installed upon the base."""
        return self.parts.packages

    @property
    def sources(self) -> tuple[str, ...]:
        """The virtualenv and the project's folders."""
        settings = self.parts.settings
        return (settings.venv or VENV, *(folder.source for folder in settings.project or ()))

    def upon(self, base: OciImage, labels: Mapping[str, str], bench: Bench) -> Assembled:
        """Put it together; raise `ProjectError` where it would not run on this base."""
        parts = self.parts
        offers = read_base(base, parts.cache / "bases")
        bundled = parts.bundle(offers)
        warnings = [*self._checked(offers, bundled), *triggers(base)]
        version = parts.material.virtualenv.version
        interpreter = bundled.interpreter if bundled else offers.interpreter(version) or ""
        groups = (*(bundled.groups if bundled else ()), *parts.material.groups)
        layers = parts.layers(interpreter, self.trusted, bench, groups)
        if len(base.layers) + len(layers) > MOST:
            raise ProjectError(
                f"{parts.image.name} would have {len(base.layers) + len(layers)} layers, and"
                f" {MOST} are the most that engines take: {parts.base} has {len(base.layers)}.",
                f"Allow fewer with `max_layers={MOST - len(base.layers)}`.",
            )
        image = OciImage((*base.layers, *layers), self._config(base, layers, labels).to_json)
        return Assembled(image, tuple(warnings))

    def verify(self, image: str, bench: Bench) -> None:
        """Import every module in the image and here; raise `DockerutilsError` for differences."""
        from dockerutils.venv import imports  # noqa: PLC0415  # seldom asked for

        material = self.parts.material
        venv = material.virtualenv
        packed = {file.path for file in material.shipped}
        distributions = material.ownership.distributions
        modules = imports.modules_to_import(distributions, venv.site_packages, packed)
        here = bench.read(imports.import_here(venv, modules))
        there = bench.read(imports.import_in_image(image, self.parts.dest, modules))
        imports.verify(
            imports.parse_report(here.output, here.errors, str(venv.root)),
            imports.parse_report(there.output, there.errors, str(self.parts.image.reference)),
            str(self.parts.image.reference),
        )

    def _checked(self, offers: BaseFacts, bundled: Bundle | None) -> list[str]:
        """Check all that can be told without running it; give the warnings."""
        material, parts = self.parts.material, self.parts
        root = material.virtualenv.root
        contents = Contents(
            venv=material.virtualenv,
            dest=parts.dest,
            files=material.shipped,
            facts=read_all(root, material.shipped, parts.cache / "elf"),
            missing=material.ownership.missing,
            bundled=bundled.facts if bundled else None,
        )
        findings = [
            *check(contents, offers, parts.base),
            *(bundled.findings if bundled else ()),
        ]
        errors = [one for one in findings if one.severity == ERROR]
        if errors:
            hints = dict.fromkeys(one.hint for one in errors if one.hint)
            raise ProjectError("\n".join(one.message for one in errors), "\n  ".join(hints))
        return [f"{one.message} {one.hint}".strip() for one in findings]

    def _config(
        self, base: OciImage, layers: Iterable[Layer], labels: Mapping[str, str]
    ) -> ImageConfig:
        below = parse_config(base.config_bytes())
        baked = self.parts.baked()
        baked = replace(baked, labels=(*baked.labels, *labels.items()))
        return ImageConfig(
            architecture=below.architecture,
            os=below.os,
            variant=below.variant,
            created=moment(self.parts.created()),
            settings=baked.over(below.settings),
            author=self.parts.maintainer,
            steps=(*below.steps, *(f"dockerutils: {layer.name}" for layer in layers)),
        )


def triggers(base: OciImage) -> list[str]:
    """Warn of ONBUILD instructions, which only a builder can follow."""
    found = parse_config(base.config_bytes()).settings.get("OnBuild") or []
    return [f"the base's ONBUILD instructions are passed over: {'; '.join(found)}"] if found else []
