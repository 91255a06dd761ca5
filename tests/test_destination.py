"""Where `--output` has an image written to."""

from __future__ import annotations

from pathlib import Path

import pytest
from stores import made_of

from dockerutils.destination import Destination, parse_destination
from dockerutils.errors import UsageError
from dockerutils.oci.archive import read_archive, read_layout

HERE = Path("/shop/sub")


@pytest.mark.parametrize(
    ("text", "path", "is_layout"),
    [
        ("app.tar", "/shop/sub/app.tar", False),
        ("/tmp/app.tar", "/tmp/app.tar", False),
        ("oci:out", "/shop/sub/out", True),
        ("oci:/tmp/out.tar", "/tmp/out.tar", True),
    ],
)
def test_a_place_is_a_file_or_a_layout_from_where_the_user_is(
    text: str, path: str, is_layout: bool
) -> None:
    assert Destination(text, Path(path), is_layout) == parse_destination(text, HERE)


def test_without_a_place_there_is_none() -> None:
    assert parse_destination("", HERE) is None


@pytest.mark.parametrize("text", ["app", "oci:", "app.zip", "oci", "app.tar/"])
def test_what_is_neither_is_told_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=text) as caught:
        parse_destination(text, HERE)

    assert "--output NAME.tar, or --output oci:FOLDER" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a b.tar", "docker save --output '/x/a b.tar' shop-app:1"),
        ("oci:out", "sh -c 'mkdir -p /x/out && docker save shop-app:1 | tar -xC /x/out'"),
    ],
)
def test_docker_s_own_way_to_write_it_is_a_line_for_a_shell(text: str, line: str) -> None:
    destination = parse_destination(text, Path("/x"))

    assert destination is not None
    assert line == str(destination.saving("shop-app:1"))


def test_a_file_has_the_whole_name_and_a_layout_the_tag(tmp_path: Path) -> None:
    image = made_of("app")
    for text in ("app.tar", "oci:out"):
        destination = parse_destination(text, tmp_path)
        assert destination is not None
        destination.sink("registry:5000/shop-app:1").put(image)

    assert image.id == read_archive(tmp_path / "app.tar", "registry:5000/shop-app:1").id
    assert image.id == read_layout(tmp_path / "out", "1").id
