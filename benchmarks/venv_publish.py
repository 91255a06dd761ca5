"""Puts an image of the project in this folder into a registry: IMAGE REFERENCE BASE.

A process of its own is what is measured. It is run by its path, with `python -I`, so that no module
of the benchmarks stands in another's way.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dockerutils.files import cache_folder
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipe import Bench, BuildRequest
from dockerutils.images.recipes import open_graph
from dockerutils.oci.digest_cache import DigestCache
from dockerutils.oci.registry.client import open_registry
from dockerutils.oci.registry.credentials import docker_credentials
from dockerutils.oci.registry.reference import parse_reference
from dockerutils.oci.registry.trust import docker_trust
from dockerutils.sinks.registry import RegistrySink
from dockerutils.sources.registry import RegistrySource
from dockerutils.startup import Manner, open_session
from dockerutils.terminal import Terminal


def publish(image: str, reference: str, base: str) -> None:
    """Put together an image of the project upon a base in the registry, and push it."""
    session = open_session(Terminal(sys.stdout, sys.stderr), Manner())
    environ, home, read = session.environ, session.project.home, session.runner.read
    request = BuildRequest()
    graph = open_graph(Catalogue(session.project), environ, request)
    assembly = graph.node(image).reading.assembly(request)
    if not assembly:
        raise SystemExit(f"{image} is not of the type venv.")
    cache = DigestCache(cache_folder(environ, home) / "digests")
    wanted, below = parse_reference(reference), parse_reference(base)
    credentials = docker_credentials(environ, Path(home), read)
    # One for both, as publish-image has it.
    with open_registry(wanted.host, credentials, environ, docker_trust(Path(home))) as registry:
        source = RegistrySource(registry, below.repository, below.wanted, cache=cache)
        sink = RegistrySink(registry, wanted.repository, wanted.tag)
        with source.open() as stood_upon, TemporaryDirectory() as scratch:
            assembled = assembly.upon(stood_upon, {}, Bench(read, Path(scratch)))
            print(sink.put(assembled.image))


if __name__ == "__main__":
    publish(*sys.argv[1:])
