"""docs/configuration.md is made from the declaration, and every example in it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from configs import ini, toml

from dockerutils.config.key import Key
from dockerutils.config.manual import manual
from dockerutils.config.model import IMAGE_KEYS, Config
from dockerutils.config.run_keys import RUN_KEYS

DOCUMENT = Path(__file__).parents[1] / "docs" / "configuration.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(manual())
PAIRS = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))
KEYS = {**IMAGE_KEYS, **RUN_KEYS}


def example(language: str, text: str) -> Config:
    """Read an example, which may be a key alone, as one of the image `shell` of the key's type."""
    key = KEYS.get(text.partition(" ")[0])
    types = key.types if key else ()
    line = f"type = {types[0]}\n" if types else ""
    if language == "ini":
        section = "" if text.startswith("[") else "[run_image]\nsynthetic_images=shell\n[shell]\n"
        return ini(section + line + text)
    whole = text.startswith("[image.") or "substitute" in text
    line = line and f'type = "{types[0]}"\n'
    return toml(("" if whole else "[image.shell]\n" + line) + text)


def test_the_document_is_up_to_date() -> None:
    assert manual() == DOCUMENT.read_text(), "run bin/docs"


@pytest.mark.parametrize(("cfg", "typed"), PAIRS, ids=[pair[0][1].strip() for pair in PAIRS])
def test_every_example_means_the_same_in_both_spellings(
    cfg: tuple[str, str], typed: tuple[str, str]
) -> None:
    assert ("ini", "toml") == (cfg[0], typed[0])
    config = example(*cfg)
    assert example(*typed) == config
    assert Config() != config


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_key_is_declared_whole_and_described(key: Key) -> None:
    assert key.meaning.endswith(".")
    assert all((key.default, key.ini, key.toml, key.kind.label))
    heading, text = f"### `{key.name}`\n", manual()
    assert 1 == text.count(heading)
    following = text.partition(heading)[2].partition("###")[0]
    assert key.meaning in following
    assert f"{key.ini_name} = {key.ini}\n" in following
    assert f"{key.name} = {key.toml}\n" in following
