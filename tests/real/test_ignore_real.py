"""The .dockerignore as the engine has it: what docker build copies is what our walk gives."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dockerutils.context.ignore import load_rules, read_rules
from dockerutils.context.tree import walk_context
from dockerutils.errors import ProjectError

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("real_engine")]

AT_ONCE = 12
COPY_ALL = "FROM scratch\nCOPY . /\n"
FOLDERS = ("a", "ab", "b", "é", "A", ".d", "a b", "!n", "[x]", "a\nz")
FILES = ("a", "b", "abc", "a.txt", "ab.txt", "é", "a*b", "x\\y", "#h", "!n", "]", "a^", " s", "0_")
PIECES = (
    *("a", "b", "ab", "abc", "a.txt", "é", "A", ".d", "a b", "*", "**", "**", "?", "*.txt", "a*"),
    *("[ab]", "[^a]", "[a-c]", "[é]", "[*]", "[?]", "[a?]", "[^*]", "[[:alpha:]]", "[^[:^alpha:]]"),
    *(r"a\*b", r"\d", r"\w", r"\W", r"[\w]", r"[\]\\]", r"x\\y", r"\#h", r"\[x]", r"\x61", r"\141"),
    *("!n", "#h", "]", "a^", "^a", ".", "..", "", "**a", "a**", "***", "?*", "*?", r"\Qa", r"\bb"),
    *(
        "*a*",
        "**b**",
        r"\s",
        "(a)",
        "a|b",
        "|",
        "a{1}",
        "b{0,1}",
        "{a,b}",
        "a+",
        "$",
        "[a-]",
        "[x]]",
        " s",
        "s ",
        "0_",
    ),
)
RULES = (
    "",
    "*\n!a/b\n",
    "a\n!a/b\na\n",
    "a/b\n!a\n",
    "*\n!a/*/**\n",
    "*\n!a/**\n",
    "**/*.txt\n!a/a.txt\n",
    "\ufeff# only a comment\na\n # no comment\n",
    "/a/\n./b/../ab\n../é\n",
    " a \n\t!a/b\t\n",
    "! a/b\n!/a\n**\n! é\n",
    "/!n\n\\#h\n#h\n",
    "!!n\n/ s\n",
    ".\n/\n..\n",
    "**\n!**/a.txt\n!**/é\n",
    "*\r\n!a\r\na/b\r\n",
)


class Case(NamedTuple):
    number: int
    rules: str


def random_rules(chance: random.Random) -> str:
    """Rules of a few lines, such as docker takes."""
    while True:
        lines = [random_pattern(chance) for _ in range(chance.randint(1, 8))]
        text = "\n".join(lines)
        try:
            read_rules(text)
        except ProjectError:
            continue
        return text


def random_pattern(chance: random.Random) -> str:
    count = chance.choice((1, 1, 2, 2, 3))
    parts = ("".join(chance.choices(PIECES, k=chance.choice((1, 1, 1, 2)))) for _ in range(count))
    sign = chance.choice(("", "", "!", "! ", "/", "./"))
    return sign + "/".join(parts) + chance.choice(("", "", "", "/", "/**"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders and files with difficult names, three deep."""
    root = tmp_path_factory.mktemp("tree")
    folders = ["", *FOLDERS, *(f"{one}/{two}" for one in FOLDERS[:6] for two in FOLDERS[:7])]
    for folder in folders:
        (root / folder).mkdir(exist_ok=True)
    for path in (root / folder / name for folder in folders for name in FILES):
        path.touch()
    (root / "empty" / "a").mkdir(parents=True)
    return root


def build_all(tree: Path, rules: list[str], folder: Path) -> Iterator[set[str]]:
    """Build the tree with each of the rules, beside its own Dockerfile, and list what is copied.

    A few at once: a builder that is asked for hundreds of contexts loses connections.
    """
    for first in range(0, len(rules), AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, len(rules)))
        targets = {f"t{n}": bake_target(tree, rules[n], folder / str(n)) for n in numbers}
        plan = folder / "plan.json"
        group = {"default": {"targets": list(targets)}}
        plan.write_text(json.dumps({"target": targets, "group": group}))
        done = subprocess.run(
            ["docker", "buildx", "bake", "--file", str(plan)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        for number in numbers:
            yield names_in((folder / str(number) / "result.tar").read_bytes())


def bake_target(tree: Path, rules: str, folder: Path) -> dict[str, str | list[str]]:
    folder.mkdir()
    (folder / "Dockerfile").write_text(COPY_ALL)
    (folder / "Dockerfile.dockerignore").write_text(rules, encoding="utf-8")
    output = [f"type=tar,dest={folder / 'result.tar'}"]
    return {"context": str(tree), "dockerfile": str(folder / "Dockerfile"), "output": output}


def names_in(archive: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as tar:
        return set(tar.getnames())


def build(root: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Build a context; the result's archive is what is written."""
    words = ["docker", "build", "--output", "type=tar,dest=-", *options, str(root)]
    return subprocess.run(words, capture_output=True)


def ours(root: Path, dockerfile: Path) -> set[str]:
    return {entry.path for entry in walk_context(root, load_rules(root, dockerfile))}


def test_the_engine_sends_what_the_walk_gives(tree: Path, tmp_path: Path) -> None:
    chance = random.Random(2)
    rules = [*RULES, *(random_rules(chance) for _ in range(24))]
    differing = {}
    for number, theirs in enumerate(build_all(tree, rules, tmp_path)):
        walked = ours(tree, tmp_path / str(number) / "Dockerfile")
        if theirs != walked:
            differing[rules[number]] = (sorted(theirs - walked), sorted(walked - theirs))

    assert not differing


@pytest.mark.parametrize(
    "rules",
    ["[", "a\\", "[c-a]", "!", "!/", "\\1", "[x-]", "*{2}", "[[:letter:]]", "a\tb", "x" * 65536],
)
def test_the_engine_refuses_what_we_refuse(tmp_path: Path, rules: str) -> None:
    (tmp_path / "Dockerfile").write_text(COPY_ALL)
    (tmp_path / ".dockerignore").write_text(rules)

    assert build(tmp_path).returncode != 0
    with pytest.raises(ProjectError):
        load_rules(tmp_path, tmp_path / "Dockerfile")


@pytest.mark.parametrize("beside", ["b\n", "", None])
def test_one_file_of_rules_applies_and_what_it_names_is_not_copied(
    tmp_path: Path, beside: str | None
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (tmp_path / "Dockerfile").write_text(COPY_ALL)
    (tmp_path / ".dockerignore").write_text("a\nDockerfile\n.dockerignore\n")
    if beside is not None:
        (tmp_path / "Dockerfile.dockerignore").write_text(beside)
    expected = ours(tmp_path, tmp_path / "Dockerfile")

    assert expected == names_in(build(tmp_path).stdout)


def test_special_files_and_links_are_sent_and_bytes_in_names_stay(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(COPY_ALL)
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "unreadable \udcff").touch()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(tmp_path / "socket"))
        theirs = names_in(build(tmp_path).stdout)

    assert ours(tmp_path, tmp_path / "Dockerfile") == theirs
