"""The .dockerignore: which paths docker leaves out, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerutils.context.ignore import load_rules, pattern_for, read_rules
from dockerutils.errors import ProjectError

# Rules, paths that docker leaves out by them, and paths that it sends.
TABLE = [
    # plain names and what is below them
    ("a", ["a", "a/b/c"], ["b/a", "ab", "A"]),
    ("a/b", ["a/b/c"], ["a"]),
    ("a.b", [], ["axb"]),
    ("a(b)$+", ["a(b)$+"], []),
    ("é", ["é"], []),
    ("é?", ["éé"], []),
    # how a pattern is cleaned
    ("/a", ["a"], []),
    ("./a", ["a"], []),
    ("a/", ["a"], []),
    ("a//b", ["a/b"], []),
    ("a/./b/../c", ["a/c"], []),
    ("../a", [], ["a"]),
    ("a/..", [], ["a"]),
    (".", [], ["a"]),
    ("/", [], ["a"]),
    ("..", [], ["a"]),
    ("/..", [], ["a"]),
    # stars within a name
    ("*", ["a", "a/b"], []),
    ("*.txt", ["a.txt", ".txt"], ["a/a.txt"]),
    ("a/*.txt", ["a/a.txt"], ["a/b/a.txt"]),
    ("a*", ["a"], []),
    ("*a*b*", ["xaxbx"], ["xbxax"]),
    ("?", ["a"], ["ab"]),
    ("a?b", [], ["a/b"]),
    # stars over folders
    ("**", ["a/b/c"], []),
    ("**/a", ["a", "b/c/a"], ["b/ca"]),
    ("**a", ["b/ca"], []),
    ("**/a/b", ["x/a/b"], []),
    ("**/*.txt", ["a.txt", "a/b/a.txt"], ["a.txt.x"]),
    ("a/**", ["a/b"], ["a"]),
    ("a/**/b", ["a/b", "a/x/y/b"], ["ab"]),
    ("a**", ["abc/d"], []),
    ("a**/*.txt", ["ab/c/x.txt"], []),
    ("**/**", ["a"], []),
    ("**/a/**", ["x/a/y"], ["x/a"]),
    ("**b**", ["x/ba"], ["ab"]),
    # classes
    ("[ab]", ["a"], ["c"]),
    ("[a-c]x", ["bx"], []),
    ("[^a-c]x", ["dx"], ["bx"]),
    ("[à-ö]", ["é"], ["e"]),
    ("[\\]a]", ["]"], []),
    ("[a\\-c]", ["-"], ["b"]),
    ("[[:alpha:]]", ["b"], []),
    ("[[:^alpha:]]", ["7"], ["b"]),
    ("[\\d]x", ["7x"], []),
    ("[\\D]x", [], ["7x"]),
    # where docker's expression is not what was meant
    ("[*]", ["^^]"], ["*"]),
    ("[a?]", ["a]"], []),
    ("\\d", ["7"], ["d"]),
    ("\\w\\W", ["a-"], []),
    ("\\s", [], ["_"]),
    ("\\bb*", ["bc"], []),
    ("\\x61", ["a"], []),
    ("\\x{61}", ["a"], []),
    ("\\141", ["a"], []),
    ("\\101?", ["Ax"], []),
    ("\\Qa", ["a$"], ["a"]),
    ("\\Qa\\E", ["a"], []),
    ("^a", ["^a"], []),
    ("^a*", [], ["^ab"]),
    ("a|b", ["a|b"], []),
    ("a|b*", ["axyz", "x/ba"], []),
    ("a{2}", ["a{2}"], []),
    ("a{2}?", ["aab"], []),
    ("a{,2}?", ["a{,2}b"], []),
    ("a{b}*", ["a{b}c"], []),
    ("a{01}*", ["a{01}"], []),
    # a backslash
    ("a\\*b", ["a*b"], ["axb"]),
    ("\\#a", ["#a"], []),
    ("\\!a", ["!a"], []),
    ("a\\\\b", ["a\\b"], []),
    # taking back
    ("*\n!a", ["b"], ["a", "a/b"]),
    ("!a\n*", ["a"], []),
    ("a\n!a/b", ["a", "a/c"], ["a/b"]),
    ("a/*\n!a/b", [], ["a/b"]),
    ("**\n!**/*.py", [], ["a/b.py"]),
    ("**\n!a/b\na/b/c", ["a/b/c"], ["a/b/d"]),
    ("*\n!./a/../b", [], ["b"]),
    ("*\n!/a", [], ["a"]),
    ("*\n/!a", [], ["a"]),
    ("*\n!!a", [], ["!a"]),
    # what a walk makes of it
    ("a/b\n!a", ["a/b"], []),
    ("a\n!a/b\na", [], ["a/b"]),
    ("*\n!a/*/**", ["a/b/c"], []),
    ("*\n!a/**", [], ["a/b/c"]),
    ("*\n!a/*", [], ["a/b"]),
    # lines
    ("#a", [], ["#a", "a"]),
    (" #a", ["#a"], []),
    (" a ", ["a"], []),
    ("/ a", ["a"], []),
    ("a /", ["a"], []),
    ("a\r", ["a"], []),
    ("\ufeff#a", [], ["a"]),
    ("\ufeffa", ["a"], []),
    ("\xa0a\u2003", ["a"], []),
    ("\n\na\n\n", ["a"], []),
    ("aé\nb\tc", ["b\tc"], []),
]
CASES = [
    (rules, path, left_out)
    for rules, *paths in TABLE
    for left_out, group in zip((True, False), paths, strict=True)
    for path in group
]
REFUSED = [
    ("[", "valid class"),
    ("a[b", "valid class"),
    ("[]a]", "valid class"),
    ("[x-]", "valid class"),
    ("[^]", "valid class"),
    ("a\\", "ends in"),
    ("[c-a]", "`c-a`"),
    ("[[:letter:]]", "`[:letter:]`"),
    ("\\1", "`\\1`"),
    ("\\yes", "`\\y`"),
    ("\\é*", "`\\é`"),
    ("*{2}", "cannot be repeated"),
    ("a*b{3,2}", "`{3,2}`"),
    ("!", "takes nothing back"),
    ("! ", "takes nothing back"),
    ("!/", "takes nothing back"),
    ("a\tb", "control character"),
    ("x" * 65536, "longer"),
]


@pytest.mark.parametrize(("rules", "path", "left_out"), CASES)
def test_a_path_is_left_out_as_docker_does(rules: str, path: str, left_out: bool) -> None:
    assert left_out == read_rules(rules).excludes(path)


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_what_docker_refuses_is_named_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read_rules(f"# rules\nok\n{line}\n", "docker/app/Dockerfile.dockerignore")

    assert caught.value.message.startswith("docker/app/Dockerfile.dockerignore:3: ")
    assert reason in caught.value.message


def test_a_control_character_is_taken_beside_one_beyond_ascii() -> None:
    assert read_rules("a\tb\né\n").excludes("a\tb")


def test_no_rules_leave_nothing_out() -> None:
    assert not read_rules("").excludes("a/b")


@pytest.mark.parametrize(
    ("rules", "folder", "skipped"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a\n!b", "a", True),
        ("a\n!a/b", "a", False),
        ("a\n!a/b/*", "a", False),
        ("a\n!ab/c", "a", True),
        ("a\n!a", "a", False),
        ("a\n!*.py", "a", False),
    ],
)
def test_a_folder_is_skipped_where_nothing_below_it_can_be_sent(
    rules: str, folder: str, skipped: bool
) -> None:
    assert skipped == read_rules(rules).top().enter(folder).skipped


# Which file applies --------------------------------------------------------------------------


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "docker" / "app").mkdir(parents=True)
    (root / ".dockerignore").write_text("root\n")
    return root


def left_out(context: Path) -> list[str]:
    rules = load_rules(context, context / "docker" / "app" / "Dockerfile")
    return [name for name in ("root", "app") if rules.excludes(name)]


def test_the_file_at_the_root_applies(context: Path) -> None:
    assert left_out(context) == ["root"]


@pytest.mark.parametrize(("text", "expected"), [("app\n", ["app"]), ("", []), ("# none\n", [])])
def test_the_file_beside_the_dockerfile_wins(context: Path, text: str, expected: list[str]) -> None:
    (context / "docker/app/Dockerfile.dockerignore").write_text(text)

    assert expected == left_out(context)


def test_a_folder_of_that_name_is_passed_over(context: Path) -> None:
    (context / "docker/app/Dockerfile.dockerignore").mkdir()

    assert left_out(context) == ["root"]


def test_without_a_file_nothing_is_left_out(context: Path) -> None:
    (context / ".dockerignore").unlink()

    assert not left_out(context)


def test_a_link_is_followed_inside_the_context_only(context: Path) -> None:
    rules = context / ".dockerignore"
    rules.rename(context / "rules")
    rules.symlink_to("rules")
    inside = left_out(context)
    (context / "rules").rename(context.parent / "rules")
    rules.unlink()
    rules.symlink_to("../rules")

    assert (inside, left_out(context)) == (["root"], [])


def test_an_error_names_the_file_below_the_context(context: Path) -> None:
    (context / "docker/app/Dockerfile.dockerignore").write_text("[")

    with pytest.raises(ProjectError, match=r"^docker/app/Dockerfile\.dockerignore:1: "):
        left_out(context)


def test_bytes_that_are_no_text_match_nothing(context: Path) -> None:
    (context / ".dockerignore").write_bytes(b"\xff*\nroot\n")

    assert left_out(context) == ["root"]


@pytest.mark.parametrize(
    "path", ["a", "a b/é", "#a", "!a", "a*b?", "[x]/y", "a\\b", " a", "a ", "a\nb", "a{2}|b*"]
)
def test_the_line_for_a_path_leaves_that_path_out(path: str) -> None:
    rules = read_rules(pattern_for(path))

    assert rules.excludes(path)
    assert not any(rules.excludes(other) for other in ("other", "aax", "x/b*"))
