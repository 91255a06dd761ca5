"""What an image is made from, as digests: equal inputs need no builder.

Kept in a label of the image, part by part, so that a later run can tell which part changed;
the files of the context are kept apart, in the user's cache, so that it can name them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dockerutils.oci.image import settings_of

LABEL = "dockerutils.inputs"
FORM = "1"  # of the label; another one is another version's, and never equal
DIGITS = 12  # of a part's digest in the label: 48 bits
OUR_LABELS = "dockerutils."
GROUND = "-packages"  # after the name of an image: what a builder makes for it to stand on


@dataclass(frozen=True)
class Inputs:
    """The digests of the parts, and what they were made of: named digests for each part."""

    parts: Mapping[str, str]
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """Give the label's value: `1,version=…,dockerfile=…`."""
        return ",".join([FORM, *(f"{name}={digest}" for name, digest in self.parts.items())])


def make_inputs(details: Mapping[str, Mapping[str, str]]) -> Inputs:
    """Digest the parts; each is a mapping of names to digests or short texts."""
    return Inputs({name: digest(detail.items()) for name, detail in details.items()}, details)


def digest(pairs: Iterable[tuple[str, str]]) -> str:
    """Give the digest of named texts, whatever their order."""
    text = json.dumps(sorted(pairs), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def secret_digest(text: str) -> str:
    """Give the digest of a text that must not be kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def read_label(label: str) -> Inputs | None:
    """Read a label's value; None for one of another version's form."""
    form, *parts = label.split(",")
    if form != FORM:
        return None
    pairs = (part.partition("=") for part in parts)
    return Inputs({name: value for name, _, value in pairs})


def base_digest(layers: Iterable[str], config: Mapping[str, object]) -> str:
    """Digest an image that another stands on: its layers, and its configuration without our labels.

    Image IDs will not do: the containerd store gives the same image another ID (design, 6.6). Nor
    does all that an engine tells: the same image from a registry or an archive has to be the same.
    """
    settings = settings_of(config)
    labels = settings.pop("Labels", None) or {}
    others = {name: value for name, value in labels.items() if not name.startswith(OUR_LABELS)}
    content = {"layers": list(layers), "config": {**settings, "Labels": others}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def changed_parts(old: Inputs | None, new: Inputs) -> list[str]:
    """Name the parts that differ, in the order in which they are told."""
    if old is None:
        return []
    return [name for name in new.parts if old.parts.get(name) != new.parts[name]]
