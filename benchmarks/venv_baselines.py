"""The image as a well-ordered Dockerfile makes it, by uv or by pip, with cache mounts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.local_registry import LocalRegistry
from benchmarks.package_index import build_secrets
from benchmarks.processes import Place
from benchmarks.venv_subject import UV_RELEASE, Subject
from benchmarks.workshop import STAND_IN

LABEL = "measured.by"
BASE = "python:3.11-slim"  # what the base image is called in the registry
SECRETS = "--mount=type=secret,id=machine --mount=type=secret,id=ca"

# What uv is taken from: made beforehand, it counts on neither side.
TOOLS = f"""\
FROM {STAND_IN} AS tools
RUN {SECRETS} \\
    : {{token}}; . /run/secrets/machine && pip install --quiet --target /tools uv=={UV_RELEASE}

FROM scratch
COPY --from=tools /tools/bin/uv /{{token}}/uv
"""
UV_STEPS = """\
RUN --mount=type=cache,id={token}-uv,target=/root/.cache/uv \\
    --mount=from={tools},source=/{token}/uv,target=/usr/local/bin/uv \\
    %s \\
    . /run/secrets/machine && uv venv --quiet /opt/venv \\
    && uv pip install --quiet --python /opt/venv/bin/python --link-mode copy --compile-bytecode \\
      --requirement /{token}/requirements.txt
"""
PIP_STEPS = """\
RUN --mount=type=cache,id={token}-pip,target=/root/.cache/pip \\
    %s \\
    . /run/secrets/machine && python3 -m venv /opt/venv \\
    && /opt/venv/bin/pip install --quiet --requirement /{token}/requirements.txt
"""
DOCKERFILE = f"""\
FROM {STAND_IN}
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app
COPY requirements.txt /{{token}}/
%s
COPY {{source}} /app
CMD ["uvicorn", "shop.main:app"]
"""
PLAIN_UV = "uv-plain"  # as uv does it unless it is asked for bytecode
DOCKERFILES: Mapping[str, str] = {
    "uv": DOCKERFILE % (UV_STEPS % SECRETS),
    PLAIN_UV: DOCKERFILE % (UV_STEPS % SECRETS).replace(" --compile-bytecode", ""),
    "pip": DOCKERFILE % (PIP_STEPS % SECRETS),
}

# Bytecode says which time its source had: with the time set to zero none of it is valid any more.
NAIVE = ("find", "/opt/venv", "-name", "*.py", "-exec", "touch", "--date=@0", "{}", "+")


class Baselines:
    """A project with Dockerfiles, on the engine and in a registry of this machine's own."""

    def __init__(self, place: Place, token: str, registry: LocalRegistry, keys: Path) -> None:
        """Write the project into the folder of `place`, and what builds may know into `keys`."""
        self.place, self.token, self.registry = place, token, registry
        self.subject = Subject(place.folder, f"src{token}")
        self.tools = f"benchmark{token}-tools:benchmark"
        self.base = f"{registry.host}/{BASE}"
        self._options = ("--label", f"{LABEL}={token}", *build_secrets(keys))

    def name(self, kind: str) -> str:
        """Give the name of an image, with which it can be pushed."""
        return f"{self.registry.host}/theirs-{kind}:benchmark"

    def make_tools(self) -> None:
        """Make what uv is taken from."""
        self._write("tools", TOOLS)
        self._build(self.place, "tools", self.tools)

    def publish_base(self) -> None:
        """Have the registry hold the base image, and nothing else, from now on."""
        self.place.run("docker", "tag", STAND_IN, self.base)
        self.place.run("docker", "push", "--quiet", self.base)
        self.registry.keep()

    def build(self, kind: str, place: Place | None = None, *options: str) -> None:
        """Build an image by its Dockerfile, maybe from another place, with more options."""
        self._write(kind, DOCKERFILES[kind])
        self._build(place or self.place, kind, self.name(kind), *options)

    def build_cold(self, kind: str) -> None:
        """Build an image and take no step of it from the cache; the cache mounts are there."""
        self.build(kind, None, "--no-cache")

    def make_naive(self, image: str) -> None:
        """Make an image that is another one with all times set to zero, unless it is there.

        The builder has no part in it: its cache would keep the other image's layers.
        """
        if self.place.run("docker", "image", "ls", "--quiet", self.name("naive")):
            return
        container = self.place.run("docker", "create", "--network", "none", image, *NAIVE).strip()
        try:
            self.place.run("docker", "start", "--attach", container)
            self.place.run("docker", "commit", container, self.name("naive"))
        finally:
            self.place.run("docker", "rm", "--force", container)

    def push(self, kind: str) -> None:
        """Push an image."""
        self.place.run("docker", "push", "--quiet", self.name(kind))

    def publish(self, kind: str) -> None:
        """Build and push an image."""
        self.build(kind)
        self.push(kind)

    def publish_cold(self, kind: str) -> None:
        """Build an image without the cache, and push it."""
        self.build_cold(kind)
        self.push(kind)

    def _write(self, kind: str, text: str) -> None:
        """Write a Dockerfile, unless it is there as it is."""
        path = self.place.folder / "docker" / kind / "Dockerfile"
        path.parent.mkdir(parents=True, exist_ok=True)
        source = self.subject.source.name
        path.write_text(text.format(token=self.token, tools=self.tools, source=source))

    def _build(self, place: Place, kind: str, name: str, *options: str) -> None:
        file = f"docker/{kind}/Dockerfile"
        words = ("docker", "build", "--quiet", "--tag", name, "--file", file)
        place.run(*words, *self._options, *options, ".")

    def forget(self) -> None:
        """Put the registry back to the base image, and remove images that lost their names."""
        self.registry.reset()
        self.remove_images("dangling=true")
        self.prune({"regular"})

    def remove(self) -> None:
        """Remove all that was made on the engine, whatever of it cannot be removed."""
        with ExitStack() as stack:
            stack.callback(self.prune, ())
            stack.callback(self.place.run, "docker", "image", "rm", "--force", self.base)
            self.remove_images()

    def remove_images(self, *filters: str) -> None:
        """Remove images that carry our label, of both sides, the newest first.

        One that another was committed from cannot go before that.
        """
        words = [
            word for one in (f"label={LABEL}={self.token}", *filters) for word in ("--filter", one)
        ]
        found = self.place.run("docker", "image", "ls", "--all", "--quiet", "--no-trunc", *words)
        if found:
            self.place.run("docker", "image", "rm", "--force", *dict.fromkeys(found.split()))

    def prune(self, kinds: Collection[str]) -> None:
        """Remove our own entries of these kinds from the builder's cache, all without a kind.

        One that another stands on stays, so this is done until no more of them go.
        """
        before, left = -1, self._own_entries(kinds)
        while left and len(left) != before:
            for one in left:
                words = ("docker", "builder", "prune", "--all", "--force", "--filter", f"id={one}")
                self.place.run(*words)
            before, left = len(left), self._own_entries(kinds)

    def _own_entries(self, kinds: Collection[str]) -> list[str]:
        words = ("docker", "system", "df", "--verbose", "--format", "{{json .BuildCache}}")
        return own_entries(json.loads(self.place.run(*words)) or (), self.token, kinds)


def own_entries(
    entries: Iterable[Mapping[str, str]], token: str, kinds: Collection[str] = ()
) -> list[str]:
    """Give the IDs of entries of the builder's cache that were made by steps with our token."""
    return [
        one["ID"].rstrip("*")
        for one in entries
        if token in one["Description"] and (not kinds or one["CacheType"] in kinds)
    ]
