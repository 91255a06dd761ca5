"""Names in an OCI layout: of blobs, and of images (OCI image-layout.md)."""

from __future__ import annotations

from dockerutils.naming import split_reference

IMAGE_NAME = "io.containerd.image.name"  # what docker and containerd load an image as
REF_NAME = "org.opencontainers.image.ref.name"  # OCI annotations.md


def blob_name(digest: str) -> str:
    """Give the path of a blob."""
    return "blobs/" + digest.replace(":", "/", 1)


def canonical_name(reference: str) -> str:
    """Write a reference in full, as containerd has it: docker.io/library/python:3.11-slim."""
    name, at, digest = reference.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif first != "localhost" and not {".", ":"} & set(first):
        name = f"docker.io/{name}"
    return f"{name}@{digest}" if at else tagged(name)


def tagged(reference: str) -> str:
    """Give a reference with its tag, which is `latest` where none is written."""
    return reference if split_reference(reference)[1] else f"{reference}:latest"
