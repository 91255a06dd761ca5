"""Builders of docker's command lines: pure functions from values to commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerutils.command import Command, Secret, Stdin

# An image is ours if its label has its own name: images that stand on it inherit the label.
IMAGE_LABEL = "dockerutils.image"
# Only containers carry these: they would inherit an image's labels.
RUN_LABEL = "dockerutils.run"
RUN_IMAGE_LABEL = "dockerutils.run.image"

Variables = Mapping[str, "str | Secret"]


@dataclass(frozen=True)
class Build:
    """One `docker build`. `contexts` are images that stand for a name in the Dockerfile."""

    reference: str
    dockerfile: Path
    folder: Path
    label: str
    target: str = ""
    pull: bool = False
    no_cache: bool = False
    quiet: bool = False
    progress: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    variables: Variables = field(default_factory=dict)
    labels: tuple[tuple[str, str], ...] = ()
    stdin: Stdin | None = None  # the Dockerfile, where the file itself will not do


def build(what: Build, talks: bool) -> Command:
    """Build an image; `talks` sends to standard error what docker writes, such as an ID."""
    contexts = (
        word
        for name, image in what.contexts.items()
        for word in ("--build-context", f"{name}=docker-image://{image}")
    )
    words = [
        *("docker", "build", "--tag", what.reference),
        *("--file", "-" if what.stdin else str(what.dockerfile)),
        *_given("--target", what.target),
        *_switch("--pull", what.pull),
        *_switch("--no-cache", what.no_cache),
        *_switch("--quiet", what.quiet),
        *_given("--progress", what.progress),
        *contexts,
        *("--label", f"{IMAGE_LABEL}={what.label}"),
        *(word for name, value in what.labels for word in ("--label", f"{name}={value}")),
        *what.options,
        ".",
    ]
    return Command(tuple(words), what.variables, what.folder, talks, what.stdin)


def build_alone(what: Build, dockerfile: Stdin) -> Command:
    """Build an image from nothing but a Dockerfile on standard input."""
    words = [
        *("docker", "build", "--tag", what.reference),
        *_switch("--no-cache", what.no_cache),
        *_switch("--quiet", what.quiet),
        *_given("--progress", what.progress),
        *("--label", f"{IMAGE_LABEL}={what.label}"),
        *what.options,
        "-",
    ]
    return Command(tuple(words), talks=True, stdin=dockerfile)


def push(reference: str) -> Command:
    """Push an image to the registry that its name tells."""
    return Command(("docker", "push", reference), talks=True)


def build_of_contexts(
    reference: str,
    contexts: Mapping[str, str],
    label: str,
    dockerfile: Stdin,
    options: tuple[str, ...] = (),
) -> Command:
    """Build an image from folders alone, which the Dockerfile on standard input has names for."""
    folders = (
        word for name, path in contexts.items() for word in ("--build-context", f"{name}={path}")
    )
    words = ("docker", "build", "--tag", reference, *folders, "--label", f"{IMAGE_LABEL}={label}")
    return Command((*words, *options, "-"), talks=True, stdin=dockerfile)


def import_tree(reference: str, changes: Iterable[str], tree: Stdin) -> Command:
    """Make an image of a file tree that comes on standard input as a tar."""
    words = (word for change in changes for word in ("--change", change))
    return Command(("docker", "import", *words, "-", reference), talks=True, stdin=tree)


def run(
    image: str, options: Iterable[str], command: Iterable[str], variables: Variables, folder: Path
) -> Command:
    """Run a container in a folder, which relative paths among the options start from."""
    return Command(("docker", "run", *options, image, *command), variables, folder)


def run_apart(image: str, program: str, words: Iterable[str]) -> Command:
    """Run a program of an image in a container without a network, which is gone afterwards."""
    options = ("--rm", "--network", "none", "--entrypoint", program)
    return Command(("docker", "run", *options, image, *words))


def pull(image: str) -> Command:
    """Pull an image."""
    return Command(("docker", "pull", image), talks=True)


def remove_images(references: Iterable[str], force: bool = False) -> Command:
    """Remove images, by name or ID; `force` takes also what other names or a store hold on to."""
    words = ("docker", "image", "rm", *_switch("--force", force), *references)
    return Command(words, talks=True)


def list_images(filters: Iterable[str] = ()) -> Command:
    """Ask for the IDs of the images that the engine lists, of those that pass all filters."""
    words = (word for one in filters for word in ("--filter", one))
    return Command(("docker", "images", "--quiet", "--no-trunc", *words))


def tag(image: str, reference: str) -> Command:
    """Give an image another name, which another image may have had."""
    return Command(("docker", "tag", image, reference))


def load() -> Command:
    """Take images from the archive on standard input; what was loaded is written at the end."""
    return Command(("docker", "load"))


def save(images: Iterable[str]) -> Command:
    """Write images as one archive on standard output."""
    return Command(("docker", "save", *images))


def inspect_images(references: Iterable[str]) -> Command:
    """Ask for all that is known of images, as a JSON list; status 1 if one is missing."""
    return Command(("docker", "image", "inspect", *references))


def list_containers(labels: Iterable[str], stopped: bool) -> Command:
    """Ask for the names of the containers with all these labels, the newest first."""
    filters = (word for label in labels for word in ("--filter", f"label={label}"))
    every = ("--all",) if stopped else ()
    return Command(("docker", "ps", *every, "--format", "{{.Names}}", *filters))


def show_containers(label: str, options: Sequence[str]) -> Command:
    """Show the containers with a label, as `docker ps` does with the user's options."""
    return Command(("docker", "ps", "--filter", f"label={label}", *options))


def logs(container: str, options: Sequence[str]) -> Command:
    """Show what a container wrote."""
    return Command(("docker", "logs", *options, container))


def stop(containers: Iterable[str]) -> Command:
    """Stop containers; docker gives each ten seconds."""
    return Command(("docker", "stop", *containers))


def execute(container: str, options: Sequence[str], command: Sequence[str]) -> Command:
    """Run a command in a running container."""
    return Command(("docker", "exec", *options, container, *command))


def server_version() -> Command:
    """Ask the engine for its version, which also tells whether one answers."""
    return Command(("docker", "version", "--format", "{{.Server.Version}}"))


def data_root() -> Command:
    """Ask the engine where it keeps its data."""
    return Command(("docker", "info", "--format", "{{.DockerRootDir}}"))


def _given(option: str, value: str) -> tuple[str, ...]:
    return (option, value) if value else ()


def _switch(option: str, on: bool) -> tuple[str, ...]:
    return (option,) if on else ()
