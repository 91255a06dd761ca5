"""The image below another one, by the words of the key `base`."""

from __future__ import annotations

from pathlib import Path

import pytest
from oci_images import image_of, write_folder, write_stream

from dockerutils.command import Command
from dockerutils.errors import ProjectError
from dockerutils.oci.archive import archive_entries
from dockerutils.oci.image import OciImage
from dockerutils.runner import Answer
from dockerutils.sources.base import file_base, registry_base
from dockerutils.sources.registry import RegistrySource

IMAGE = image_of({"a": b"1"}, Cmd=["a"])


def opened(text: str, root: Path) -> OciImage:
    source = file_base(text, root)
    assert source is not None
    with source.open() as image:
        return image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_stream(tmp_path / "base.tar", archive_entries(IMAGE, "python:3"))
    for folder in ("layout", "odd:name"):
        write_folder(tmp_path / folder, archive_entries(IMAGE, "python:3"))
    return tmp_path


@pytest.mark.parametrize(
    "text", ["./base.tar", "base.tar", "oci:layout", "oci:layout:3", "oci:odd:name"]
)
def test_a_base_in_a_file_is_found_from_the_project_s_root(root: Path, text: str) -> None:
    assert IMAGE.id == opened(text, root).id


def test_a_whole_path_needs_no_root(root: Path) -> None:
    assert IMAGE.id == opened(f"{root}/base.tar", Path("/nowhere")).id
    assert IMAGE.id == opened(f"oci:{root}/layout", Path("/nowhere")).id


@pytest.mark.parametrize("text", ["oci:layout:4", "oci:none", "./none.tar", "oci:none:3"])
def test_what_is_not_there_is_told(root: Path, text: str) -> None:
    with pytest.raises(ProjectError):
        opened(text, root)


@pytest.mark.parametrize("text", ["python:3", "registry:5000/base", "shop-base"])
def test_a_name_is_none_of_a_file(root: Path, text: str) -> None:
    assert file_base(text, root) is None


def never(_command: Command) -> Answer:
    raise AssertionError


@pytest.mark.parametrize(
    ("text", "host", "repository", "reference"),
    [
        ("python:3", "docker.io", "library/python", "3"),
        ("localhost:5000/base", "localhost:5000", "base", "latest"),
        (f"r.test/base@sha256:{'a' * 64}", "r.test", "base", f"sha256:{'a' * 64}"),
    ],
)
def test_a_name_is_looked_for_in_its_registry_and_nobody_is_asked_before(
    tmp_path: Path, text: str, host: str, repository: str, reference: str
) -> None:
    source = registry_base(text, {}, str(tmp_path), never)

    assert isinstance(source, RegistrySource)
    assert (host, repository, reference) == (
        source.registry.host,
        source.repository,
        source.reference,
    )
