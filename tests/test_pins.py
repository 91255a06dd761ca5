"""docker/images.lock: what was published as what."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils.errors import DockerutilsError
from dockerutils.publication.pins import write_pins


def test_pins_are_in_order_and_those_of_other_images_stay(tmp_path: Path) -> None:
    write_pins(tmp_path, {"web": "ghcr.io/web:1@sha256:1", "app": "ghcr.io/app:1@sha256:2"})
    path = write_pins(tmp_path, {"app": "ghcr.io/app:2@sha256:3", "db": "ghcr.io/db:1@sha256:4"})

    head, *lines = (tmp_path / path).read_text().splitlines()
    assert Path("docker/images.lock") == path
    assert head.startswith("#")
    assert [
        "app ghcr.io/app:2@sha256:3",
        "db ghcr.io/db:1@sha256:4",
        "web ghcr.io/web:1@sha256:1",
    ] == lines
    assert 0o644 == (tmp_path / path).stat().st_mode & 0o777


def test_a_file_that_cannot_be_written_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "docker/images.lock").mkdir(parents=True)

    with pytest.raises(DockerutilsError, match="published all the same") as caught:
        write_pins(tmp_path, {"app": "ghcr.io/app:1@sha256:2"})

    assert "--pin" in caught.value.hint
