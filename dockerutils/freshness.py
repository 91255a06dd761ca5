"""Whether an image is what its sources would give now, and what has changed if it is not."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockerutils import __version__, docker_cli
from dockerutils.context.ignore import find_ignore_file, load_rules
from dockerutils.context.stat_cache import StatCache
from dockerutils.context.tree import (
    ContextDigest,
    FolderSize,
    biggest_folders,
    compare,
    hash_context,
    walk_context,
)
from dockerutils.engine import ImageFacts
from dockerutils.files import cache_folder, replace_file
from dockerutils.images.build_secrets import PIP_CONF, is_copy
from dockerutils.images.inputs import (
    LABEL,
    Inputs,
    base_digest,
    changed_parts,
    make_inputs,
    read_label,
)
from dockerutils.images.recipe import BuildRequest, Node
from dockerutils.project import Project

NAMED = 5  # paths that a reason names before it counts the others
UNTRACKED = "its context comes from elsewhere (--build-context), so it is always built"
BIG = 200 * 10**6  # bytes of a context, above which it is worth a word


@dataclass(frozen=True)
class Verdict:
    """Whether a build would do anything, and why; else why it was built the last time."""

    image: str
    reference: str
    stale: bool
    reasons: tuple[str, ...]
    last_reasons: tuple[str, ...] = ()
    last_built: float | None = None  # seconds since the epoch, by this user on this machine


@dataclass
class ProjectContexts:
    """The contexts of one project: one for each file of ignore rules, digested once."""

    project: Project
    cache: StatCache
    digests: dict[Path | None, ContextDigest] = field(default_factory=dict)
    seconds: dict[Path | None, float] = field(default_factory=dict)
    old: set[Path | None] = field(default_factory=set)  # of the digests, those to be made anew
    lock: threading.Lock = field(default_factory=threading.Lock)

    def files(self, dockerfile: Path) -> Mapping[str, str]:
        """Give the digest of each path that docker would send with this Dockerfile."""
        root = self.project.root
        key = find_ignore_file(root, dockerfile)
        with self.lock:
            if key not in self.digests or key in self.old:
                began = time.monotonic()
                rules = load_rules(root, dockerfile)
                self.digests[key] = hash_context(root, rules, self.cache, time.time())
                self.seconds[key] = time.monotonic() - began
                self.old.discard(key)
            return without_copy(root, self.digests[key].files)

    def forget(self, dockerfile: Path | None = None) -> None:
        """Look again at the next question, of one Dockerfile or of any: files may have changed."""
        with self.lock:
            if dockerfile is None:
                self.old.update(self.digests)
            else:
                self.old.add(find_ignore_file(self.project.root, dockerfile))

    def summaries(self) -> Iterator[str]:
        """Tell how big the contexts are and how long it took to read them."""
        for key, digest in self.digests.items():
            size = f"{digest.count} files, {written_size(digest.bytes)}"
            yield f"context: {size}, looked at in {self.seconds[key]:.2f} s"
            if ".git/HEAD" in digest.files:
                yield ".git is in the context, and always changes: write .git into .dockerignore"

    def biggest(self, dockerfile: Path) -> list[FolderSize]:
        """Name the folders that make a context big; nothing for one that is not."""
        digest = self.digests.get(find_ignore_file(self.project.root, dockerfile))
        if digest is None or digest.bytes < BIG:
            return []
        rules = load_rules(self.project.root, dockerfile)
        found = biggest_folders(walk_context(self.project.root, rules), 3)
        return [folder for folder in found if folder.bytes > BIG // 10]


@dataclass
class Freshness:
    """Compares what images are made from now with what they were made from."""

    contexts: ProjectContexts
    folder: Path
    facts: dict[str, ImageFacts] = field(default_factory=dict)

    def inputs(
        self, node: Node, request: BuildRequest, bases: Mapping[str, str] | None = None
    ) -> Inputs | None:
        """Give what an image is made from now; None where that cannot be told.

        `bases` has the digests of images below that the engine need not have.
        """
        details = node.reading.details(request, self.contexts, self._has_triggers(node))
        if details is None:
            return None
        if bases is None:
            bases = {use.name: self._base(node, use.name) for use in node.reading.uses}
        return make_inputs({"version": {"dockerutils": __version__}, **details, "bases": bases})

    def _has_triggers(self, node: Node) -> bool:
        """Tell whether an image below has ONBUILD instructions, or may have: it is not known."""
        facts = [self.facts.get(name) for name in node.below]
        return any(one is None or one.config.get("OnBuild") for one in facts)

    def _base(self, node: Node, name: str) -> str:
        """Digest an image below; one that only the builder knows is told by its name."""
        reference = node.stand_ins.get(name, name)
        facts = self.facts.get(reference)
        return base_digest(facts.layers, facts.config) if facts else reference

    def is_fresh(self, node: Node, inputs: Inputs, request: BuildRequest) -> bool:
        """Tell whether all that a build would tag is there, made from these inputs."""
        if self._distrusted(node):
            return False
        return all(self._label(tag) == inputs.label for tag in moved(node, request))

    def _distrusted(self, node: Node) -> bool:
        """Tell whether something went wrong with the very image that is there."""
        facts = self.facts.get(str(node.image.reference))
        return facts is not None and self.record(node).get("distrusted") == facts.id

    def _label(self, tag: str) -> str:
        """Give the label with an image's inputs; an inherited one is that of an image below."""
        labels = self.facts[tag].labels if tag in self.facts else {}
        own = labels.get(docker_cli.IMAGE_LABEL) == tag.rpartition(":")[0]
        return labels.get(LABEL, "") if own else ""

    def reasons(self, node: Node, inputs: Inputs, request: BuildRequest) -> list[str]:
        """Tell in sentences why an image is not what its sources would give."""
        tags = moved(node, request)
        missing = [tag for tag in tags if tag not in self.facts]
        if missing:
            return [f"{missing[0]} is not on the engine"]
        if self._distrusted(node):
            return ["files changed while it was built, or its post_build_script failed"]
        label = next((one for one in map(self._label, tags) if one != inputs.label), inputs.label)
        old = read_label(label)
        if old is None:
            return ["it was built by something else, or by another version of dockerutils"]
        record = self.record(node)
        known = record["details"] if record.get("label") == label else {}
        return [
            sentence
            for part in changed_parts(old, inputs)
            for sentence in told(part, known.get(part), inputs.details[part])
        ]

    def judge(self, node: Node) -> Verdict:
        """Judge whether a plain build would do anything; the facts are known."""
        name, reference = node.image.name, str(node.image.reference)
        request = BuildRequest()
        inputs = self.inputs(node, request)
        if inputs is None:
            return Verdict(name, reference, stale=True, reasons=(UNTRACKED,))
        fresh = self.is_fresh(node, inputs, request)
        reasons = () if fresh else tuple(self.reasons(node, inputs, request))
        record = self.record(node)
        ours = record.get("label") == inputs.label
        return Verdict(
            image=name,
            reference=reference,
            stale=not fresh,
            reasons=reasons,
            last_reasons=tuple(record.get("because", ())) if ours else (),
            last_built=record.get("time") if ours else None,
        )

    def record(self, node: Node) -> dict[str, Any]:
        """Give what was kept of an image's last build; empty where nothing was."""
        try:
            found = json.loads(self._file(node).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if is_record(found) else {}

    def keep(self, node: Node, inputs: Inputs, because: list[str], trusted: bool = True) -> None:
        """Keep what an image was made from, so that a later run can name what changed.

        An image that is not trusted is built again at the next occasion.
        """
        facts = self.facts.get(str(node.image.reference))
        kept = {
            "distrusted": facts.id if facts and not trusted else None,
            "label": inputs.label,
            "details": inputs.details,
            "because": because,
            "time": time.time(),
        }
        with contextlib.suppress(OSError):  # a cache that cannot be written costs only names
            replace_file(self._file(node), json.dumps(kept).encode())

    def _file(self, node: Node) -> Path:
        name = str(node.image.reference).replace("/", "%")
        return self.folder / "inputs" / f"{name}.json"


def without_copy(root: Path, files: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out the copy of pip.conf.template that is there only while images are built."""
    if PIP_CONF not in files or not is_copy(root):
        return files
    return {path: value for path, value in files.items() if path != PIP_CONF}


def is_record(found: Any) -> bool:
    """Tell whether what was read is what `keep` writes."""
    kinds: dict[str, Any] = {"label": str, "details": dict, "because": list, "time": (int, float)}
    whole = isinstance(found, dict) and all(
        isinstance(found.get(key), kind) for key, kind in kinds.items()
    )
    return whole and all(isinstance(part, dict) for part in found["details"].values())


def moved(node: Node, request: BuildRequest) -> tuple[str, ...]:
    """Give the tags that a build moves: that of one stage leaves `builder` alone."""
    return node.reading.tags[:1] if request.target else node.reading.tags


def names_of(nodes: Iterable[Node]) -> list[str]:
    """Name the images that the engine has to tell of before these can be judged."""
    return sorted({name for node in nodes for name in (*node.below, *node.reading.tags)})


def told(part: str, old: Mapping[str, str] | None, new: Mapping[str, str]) -> list[str]:
    """Tell what changed in one part: by name where the old details are known."""
    if old is None:
        return [CHANGED[part]]
    difference = compare(old, new)
    groups = (
        ("changed", difference.changed),
        ("added", difference.added),
        ("removed", difference.removed),
    )
    return [f"{some(names)} {verb}" for verb, names in groups if names] or [CHANGED[part]]


CHANGED: Mapping[str, str] = {
    "version": "dockerutils changed",
    "dockerfile": "the Dockerfile changed",
    "context": "files of the context changed",
    "venv": "the virtualenv changed",
    "project": "files of the project changed",
    "selection": "the list of packages changed",
    "archive": "the Debian archive changed",
    "packages": "the packages of apt or pip changed",
    "options": "arguments or options of the build changed",
    "bases": "an image below changed",
}


def some(names: tuple[str, ...]) -> str:
    """Name the first few, and count the others."""
    named = ", ".join(names[:NAMED])
    return f"{named} and {len(names) - NAMED} more" if len(names) > NAMED else named


def written_size(size: int) -> str:
    """Write a number of bytes for a reader."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size //= 1000
    return f"{size} GB"


def open_freshness(project: Project, environ: Mapping[str, str]) -> Freshness:
    """Give the freshness of a project's images, with its cache in the user's folder."""
    folder = cache_folder(environ, project.home) / project.mark.partition("/")[0]
    return Freshness(ProjectContexts(project, StatCache(folder / "files.json")), folder)
