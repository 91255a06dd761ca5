"""Digests and chain IDs."""

from __future__ import annotations

import pytest

from dockerutils.oci.digest import chain_ids, digest_of, is_digest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_names_its_algorithm() -> None:
    assert EMPTY == digest_of(b"")


@pytest.mark.parametrize(
    "text",
    ["", EMPTY[7:], EMPTY[:-1], EMPTY + "0", EMPTY.upper(), EMPTY + "\n", "sha512:" + "0" * 64],
)
def test_what_is_written_otherwise_is_no_digest(text: str) -> None:
    assert is_digest(EMPTY)
    assert not is_digest(text)


def test_a_chain_id_is_that_of_the_layers_below_and_the_diff_id() -> None:
    one, two, three = (digest_of(name) for name in (b"1", b"2", b"3"))
    of_two = digest_of(f"{one} {two}".encode())

    assert () == chain_ids([])
    assert (one, of_two, digest_of(f"{of_two} {three}".encode())) == chain_ids([one, two, three])
