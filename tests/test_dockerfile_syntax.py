"""What a Dockerfile names: every rule as engine 26.1.5 has it, unless a test says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import configuration, given
from hypothesis import strategies as st

from dockerutils.images.dockerfile_context import may_follow
from dockerutils.images.dockerfile_syntax import (
    DockerfileError,
    ImageUse,
    Stage,
    parse_dockerfile,
    replace_images,
    sees,
)

# Not into .hypothesis of the checkout, which pytest would refuse to walk past.
configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")

SCRATCH = "FROM scratch\n"


def images(text: str, **build_args: str | None) -> list[str]:
    return [use.name for use in parse_dockerfile(text, build_args).images]


def stages(text: str) -> list[str | None]:
    return [stage.name for stage in parse_dockerfile(text).stages]


def written(text: str) -> list[str]:
    return [text[slice(*use.span)] for use in parse_dockerfile(text).images]


# Texts, and the images that they name.
LINES = {
    "a plain FROM": ("FROM python:3.11-slim\n", ["python:3.11-slim"]),
    "instructions in any case": (
        "from a\nCopy --from=b /x /y\nrUn --mount=from=c x",
        ["a", "b", "c"],
    ),
    "no newline at the end": ("FROM a", ["a"]),
    "comments and blank lines": ("# FROM x\n\n  # FROM y\n \t\nFROM a\n# FROM z\n", ["a"]),
    "indented instructions": ("  FROM a\n\tCOPY --from=b /x /y\n", ["a", "b"]),
    "tabs between words": ("FROM\ta\tAS\tx\t\n", ["a"]),
    "trailing white space": ("FROM a  \t \n", ["a"]),
    "Windows line ends": ("FROM a AS x\r\nCOPY --from=b \\\r\n /x /y\r\nFROM x\r\n", ["a", "b"]),
    "a byte order mark": ("\ufeffFROM a\n", ["a"]),
    "non-ASCII text": ("# Größe\nFROM a\nLABEL who=Zoë\nCOPY --from=b /é /é\n", ["a", "b"]),
    "a digest": ("FROM python@sha256:0123abcd\n", ["python@sha256:0123abcd"]),
    "a registry with a port": ("FROM localhost:5000/a/b:tag\n", ["localhost:5000/a/b:tag"]),
    "a quoted name": ('FROM "a:1"\n', ["a:1"]),
    "an image that is used twice": ("FROM a\nFROM a\n", ["a", "a"]),
    "a platform": ("FROM --platform=$BUILDPLATFORM a AS Builder\n", ["a"]),
    "instructions that are unknown": ("FROM a\nMOUNT --from=b\n", ["a"]),
}
CONTINUATIONS = {
    "a continued FROM": ("FROM \\\n  a \\\n  AS x\nFROM x", ["a"]),
    "a name that is continued": ("FROM py\\\nthon:3\n", ["python:3"]),
    "blanks after the sign": ("FROM \\ \t\n a\n", ["a"]),
    "comments inside": ("FROM a\nRUN x \\\n  # FROM b\n  && y\nFROM c", ["a", "c"]),
    "a continued comment does not exist": ("# x \\\nFROM a\n", ["a"]),
    "empty lines inside": ("FROM a\nRUN x \\\n\n\n  FROM b\nFROM c\n", ["a", "c"]),
    "two signs are none": ("FROM a\nRUN x \\\\\nFROM b\n", ["a", "b"]),
    "a sign alone": ("\\\nFROM a\n", ["a"]),
    "a sign alone, then an end": ("FROM a\n\\\n", ["a"]),
    "a sign at the very end": ("FROM a\nRUN x \\", ["a"]),
    "the escape directive": ("# escape=`\nFROM `\n a\nRUN x \\\nFROM b\n", ["a", "b"]),
    "directives in any case, in any order": ("# Syntax=x\n#ESCAPE = `\nFROM `\n a\n", ["a"]),
    # 26.1.5 does not know `check` yet and stops there; newer engines go on.
    "the check directive": ("# check=skip=all\n# escape=`\nFROM `\n a\n", ["a"]),
    "an escape after a blank line": ("\n# escape=`\nFROM a\nRUN x `\nFROM b", ["a", "b"]),
    "an escape after a comment": ("# hello\n# escape=`\nFROM a\nRUN x `\nFROM b", ["a", "b"]),
    "an escape after an unknown directive": (
        "# a=b\n# escape=`\nFROM a\nRUN x `\nFROM b",
        ["a", "b"],
    ),
    "a byte order mark before it": ("\ufeff# escape=`\r\nFROM `\r\n a\r\n", ["a"]),
}
STAGES = {
    "FROM an earlier stage": ("FROM a AS x\nFROM x\n", ["a"]),
    "FROM finds a stage by its lower-case name": ("FROM a AS Base\nFROM base\n", ["a"]),
    "FROM does not fold its own word": ("FROM a AS Base\nFROM Base\n", ["a", "Base"]),
    "FROM a later stage is an image": ("FROM x\nFROM a AS x\n", ["x", "a"]),
    "a stage that is named like its image": ("FROM python AS python\nFROM python\n", ["python"]),
    "scratch": ("FROM scratch\nCOPY --from=scratch / /x\nRUN --mount=from=scratch,target=/x y", []),
    "scratch in capitals is an image": ("FROM Scratch\n", ["Scratch"]),
    "a stage called scratch": ("FROM a AS scratch\nFROM scratch\n", ["a"]),
    "COPY from a stage in any case": (
        "FROM a AS Base\nFROM b\nCOPY --from=bASE /x /y\n",
        ["a", "b"],
    ),
    "COPY from an index": ("FROM a\nFROM b\nCOPY --from=0 /x /y\n", ["a", "b"]),
    "COPY from no stage": ("FROM a\nCOPY --from=b:1 /x /y\n", ["a", "b:1"]),
    # "cannot copy from stage, it needs to be defined before": never an image
    "COPY from a later stage": ("FROM a\nCOPY --from=x /x /y\nFROM b AS x\n", ["a", "b"]),
    "flags around --from": ("FROM a\nCOPY --chown=1:1 --from=b --link x y\n", ["a", "b"]),
    "a quoted flag": ("FROM a\nCOPY --from=\"b:1\" x y\nCOPY --'from=c' x y", ["a", "b:1", "c"]),
    "an empty --from": ("FROM a\nCOPY --from= x y\n", ["a"]),
    "--from after the first path": ("FROM a\nCOPY x --from=b y\n", ["a"]),
    "--from after --": ("FROM a\nCOPY -- --from=b y\n", ["a"]),
    "JSON paths": ('FROM a\nCOPY --from=b ["x", "y"]\n', ["a", "b"]),
    "ADD has no --from": ("FROM a\nADD --from=b x y\n", ["a"]),
    "ONBUILD": ("FROM a\nONBUILD COPY --from=b x y\nONBUILD RUN --mount=from=c x\n", ["a"]),
}
MOUNTS = {
    "a bind mount": ("RUN --mount=type=bind,from=b,target=/x y", ["b"]),
    "a cache": ("RUN --mount=type=cache,from=b,target=/x y", ["b"]),
    "no type": ("RUN --mount=from=b:1,target=/x y", ["b:1"]),
    "any type, as for the engine": ("RUN --mount=type=tmpfs,from=b,target=/x y", ["b"]),
    "several": (
        "RUN --mount=from=b,target=/x --network=none --mount=from=c,target=/y z",
        ["b", "c"],
    ),
    "a quoted value": ('RUN --mount=from="b",target=/x y', ["b"]),
    "a quoted flag": ('RUN --mount="target=/x,from=b" y', ["b"]),
    "a CSV quote": ("RUN --mount='\"from=b\",target=/x' y", ["b"]),
    "a key in capitals": ("RUN --mount=FROM=b,target=/x y", ["b"]),
    "COPY's index is a name here": ("RUN --mount=from=0,target=/x y", ["0"]),
    "over several lines": ("RUN --mount=type=bind,\\\nfrom=b,target=/x \\\n  y", ["b"]),
    "in the command": ("RUN y --mount=from=b,target=/x", []),
    "the JSON form": ('RUN --mount=from=b,target=/x ["y", "--mount=from=c"]', ["b"]),
}
HEREDOCS = {
    "RUN": "RUN <<EOF\nFROM b\nEOF\n",
    "COPY": "COPY <<EOF /x\nFROM b\nEOF\n",
    "ADD": "ADD <<EOF /x\nFROM b\nEOF\n",
    "ONBUILD": "ONBUILD RUN <<EOF\nFROM b\nEOF\n",
    "stripped tabs": "RUN <<-EOF\nFROM b\n\t\tEOF\n",
    "tabs that are not stripped": "RUN <<EOF\nFROM b\n\tEOF\nFROM b\nEOF\n",
    "a blank after the delimiter is no end": "RUN <<EOF\nEOF \nFROM b\nEOF\n",
    "double quotes": 'RUN <<"EOF"\nFROM b\nEOF\n',
    "single quotes": "RUN <<-'E F'\nFROM b\nE F\n",
    "an escaped character": "RUN <<\\EOF\nFROM b\nEOF\n",
    "two": "COPY <<one <<two /x/\nFROM b\none\nFROM b\ntwo\n",
    "a descriptor": "RUN 3<<EOF\nFROM b\nEOF\n",
    "after a command": 'RUN echo "it\'s" && cat <<EOF > x\nFROM b\nEOF\n',
    "after a flag": "RUN --mount=type=cache,target=/x <<EOF\nFROM b\nEOF\n",
    "before a continuation": "RUN cat <<EOF && \\\n  ls\nFROM b\nEOF\n",
    "no continuation inside": "RUN <<EOF\nFROM b \\\nEOF\n",
    "no comments inside": "RUN <<#x\nFROM b\n#x\n",
    "Windows line ends": "RUN <<EOF\r\nFROM b\r\nEOF\r\n",
    "a test in brackets": "RUN [ -f x ] && cat <<EOF\nFROM b\nEOF\n",
    "a blank before the delimiter (newer engines)": "RUN cat << EOF\nFROM b\nEOF\n",
}
NO_HEREDOCS = {
    "in double quotes": 'RUN echo "1 <<EOF 2"\n',
    "in single quotes": "RUN echo '<<EOF'\n",
    "glued to a word": "RUN cat<<EOF\n",
    "a here-string": "RUN cat <<<EOF\n",
    "a glued shift": "RUN x=$((1<<2))\n",
    "a shift": "RUN x=$((1 << 2))\n",
    "nothing after it": "RUN cat <<\n",
    "an empty delimiter": 'RUN cat <<""\n',
    "the JSON form": 'RUN ["cat", "<<EOF"]\n',
    "an empty JSON form": "RUN []\n# <<EOF\n",
    "an instruction that takes none": "CMD cat <<EOF\n",
    "an unbalanced quote": "RUN echo it's <<EOF\n",
}
# Arguments before FROM, build arguments, and the image of `FROM <word>`.
SUBSTITUTIONS = [
    ("ARG A=x", {}, "$A", "x"),
    ("ARG A=x", {}, "${A}:1", "x:1"),
    ("ARG A=x", {}, "a-$A.b", "a-x.b"),
    ("arg A=x", {}, "$A", "x"),
    ('ARG A="x:1"', {}, "$A", "x:1"),
    ("ARG A='x'\"y\"z", {}, "$A", "xyz"),
    ("ARG A='$B' B=y", {}, "x$B", "xy"),
    ("ARG A=x B=y", {}, "$A$B", "xy"),
    ("ARG A=x \\\n  B=y", {}, "$A$B", "xy"),
    ("ARG A=1\nARG B=$A-x", {}, "$B", "1-x"),
    ('ARG A=1 B="$A-x"', {}, "$B", "1-x"),
    ("ARG A=x\nARG A=y", {}, "$A", "y"),
    ("ARG A=x\nARG A", {}, "$A", "x"),
    ("ARG A=x", {"A": "y"}, "$A", "y"),
    ("ARG A", {"A": "y"}, "$A", "y"),
    ("ARG A=x", {"A": None}, "$A", "x"),
    ("ARG A=x", {"A": "a$B"}, "$A", "a$B"),
    ("ARG A=1\nARG B=$A", {"A": "2"}, "$B", "2"),
    ("", {"A": "y"}, "x$A", "x"),
    ("", {}, "x$A", "x"),
    ("", {}, "${A:-x}", "x"),
    ("", {}, "${A-x}", "x"),
    ("ARG A=", {}, "${A:-x}", "x"),
    ("ARG A=", {}, "z${A-x}", "z"),
    ("ARG A=y", {}, "${A:-x}", "y"),
    ("ARG B=b", {}, "${A:-$B-${B}}", "b-b"),
    ("ARG B=b", {}, "${A:-${C:-$B}}", "b"),
    ("", {}, "${A:-'x'}", "x"),
    ("ARG A=y", {}, "x${A:+-alt}", "x-alt"),
    ("ARG A=", {}, "x${A:+-alt}", "x"),
    ("ARG A=", {}, "x${A+-alt}", "x-alt"),
    ("", {}, "x${A+-alt}", "x"),
    ("ARG A=y", {}, "${A:?wanted}", "y"),
    ("ARG A=", {}, "x${A?wanted}", "x"),
    ("ARG A=a.b.c", {}, "${A#*.}", "b.c"),
    ("ARG A=a.b.c", {}, "${A##*.}", "c"),
    ("ARG A=a.b.c", {}, "${A%.*}", "a.b"),
    ("ARG A=a.b.c", {}, "${A%%.*}", "a"),
    ("ARG A=a.b.c", {}, "${A#x}", "a.b.c"),
    ("ARG A=a.b.c", {}, "${A#?.}", "b.c"),
    ("ARG A=a*b", {}, "${A#a\\*}", "b"),
    ("ARG A=a.b.c", {}, "${A/./-}", "a-b.c"),
    ("ARG A=a.b.c", {}, "${A//./-}", "a-b-c"),
    ("ARG A=a.b.c", {}, "${A/b*/x}", "a.x"),
    ("ARG A=a/b", {}, "${A/\\//-}", "a-b"),
    ("ARG A=x", {}, "'$A'", "$A"),
    ("ARG A=x", {}, '"$A"', "x"),
    ("ARG A=x", {}, "\\$A", "$A"),
    ("ARG A=x", {}, '"\\$A"', "$A"),
    ("ARG A=x", {}, "a$", "a$"),
    ("# escape=`\nARG A=x", {}, "`$A", "$A"),
    ("ARG A=x", {}, "a$1b", "ab"),
    ("", {}, "$TARGETARCH/x", "amd64/x"),
    ("", {}, "$BUILDPLATFORM", "linux/amd64"),
    ("ARG TARGETARCH", {}, "x-${TARGETARCH}", "x-amd64"),
    ("", {"TARGETARCH": "arm64"}, "$TARGETARCH/x", "arm64/x"),
    ("ARG A=${B:?no}", {}, "${A:-x}", "x"),
]
REFUSED = {
    "an empty file": ("", 1, "no FROM"),
    "only comments": ("# a\n\n# b\n", 3, "no FROM"),
    "only arguments": ("ARG A=1\n", 1, "no FROM"),
    "RUN before FROM": ("\nRUN x\nFROM a", 2, "RUN stands before the first FROM"),
    "a word before FROM": ("ARG A\nhello\nFROM a", 2, "HELLO stands before"),
    "FROM alone": ("FROM a\nFROM\n", 2, "FROM names no image"),
    "FROM with a flag only": ("FROM --platform=x\n", 1, "FROM names no image"),
    "an empty quote": ('FROM ""\n', 1, "names no image"),
    "AS without a name": ("FROM a AS\n", 1, "IMAGE AS NAME, not a AS"),
    "another word": ("FROM a is b\n", 1, "IMAGE AS NAME, not a is b"),
    "two words": ("FROM a b\n", 1, "IMAGE AS NAME"),
    "a comment at the end": ("FROM a # b\n", 1, "IMAGE AS NAME"),
    "a number for a name": ("FROM a AS 1x\n", 1, "1x cannot name a stage"),
    "a symbol in a name": ("FROM a AS x/y\n", 1, "x/y cannot name a stage"),
    "an unknown escape": ("# syntax=x\n# escape=x\nFROM a\n", 2, "escape=x is unknown"),
    "two escapes": ("# escape=`\n# ESCAPE=`\nFROM a\n", 2, "escape is there twice"),
    "a needed argument": ("ARG BASE\nFROM ${BASE}\n", 2, "pass --build-arg BASE=..."),
    "an empty argument": ("ARG BASE=\nFROM $BASE\n", 2, "pass --build-arg BASE=..."),
    "an undeclared argument": (
        "FROM ${BASE}\n",
        1,
        "declare ARG BASE before the first FROM and pass",
    ),
    "an argument of a stage": ("FROM a\nARG BASE=b\nFROM $BASE\n", 3, "declare ARG BASE"),
    "a message of its own": ("FROM ${A:?say-which}\n", 1, "A: say-which"),
    "an empty value": ("ARG A=\nFROM ${A:?}\n", 2, "A: it is not set"),
    "an open brace": ("FROM ${A\n", 1, "no known substitution"),
    "an open default": ("FROM ${A:-x\n", 1, "'}' is missing"),
    "no variable": ("FROM ${}\n", 1, "needs the name of a variable"),
    "an unknown operator": ("FROM ${A:=x}\n", 1, "is no known substitution"),
    "an open quote": ("FROM 'a\n", 1, "a ' is not closed"),
    "an open double quote": ('FROM "a\n', 1, 'a " is not closed'),
    "nested too deeply": ("FROM " + "${A:-" * 9999 + "\n", 1, "nested too deeply"),
    "an open heredoc": ("FROM a\nRUN <<EOF\nFROM b\n", 2, "no line EOF"),
    "a variable in COPY": ("FROM a\nCOPY x \\\n y\nCOPY --from=$B x y", 4, "FROM $B AS"),
    "a variable in a mount": ("FROM a\nRUN x\nRUN --mount=from=${B} x", 3, "FROM ${B} AS"),
}
PLAUSIBLE = {**LINES, **CONTINUATIONS, **STAGES}


@pytest.mark.parametrize(("text", "expected"), PLAUSIBLE.values(), ids=PLAUSIBLE)
def test_images_are_named_by(text: str, expected: list[str]) -> None:
    assert expected == images(text)


@pytest.mark.parametrize(("run", "expected"), MOUNTS.values(), ids=MOUNTS)
def test_images_are_mounted_by(run: str, expected: list[str]) -> None:
    assert expected == images(SCRATCH + run)


@pytest.mark.parametrize("heredoc", HEREDOCS.values(), ids=HEREDOCS)
def test_the_body_of_a_heredoc_holds_no_instructions(heredoc: str) -> None:
    expected = ["a"]
    assert expected == images(SCRATCH + heredoc + "FROM a\n")


@pytest.mark.parametrize("line", NO_HEREDOCS.values(), ids=NO_HEREDOCS)
def test_instructions_go_on_where_no_heredoc_begins(line: str) -> None:
    expected = ["a"]
    assert expected == images(SCRATCH + line + "FROM a\nEOF\n")


@pytest.mark.parametrize(("arguments", "build_args", "word", "expected"), SUBSTITUTIONS)
def test_variables_are_replaced(
    arguments: str, build_args: dict[str, str | None], word: str, expected: str
) -> None:
    assert [expected] == images(f"{arguments}\nFROM {word}\n", **build_args)


@pytest.mark.parametrize(("text", "line", "sentence"), REFUSED.values(), ids=REFUSED)
def test_an_error_names_the_line_and_what_is_wrong(text: str, line: int, sentence: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse_dockerfile(text)
    assert line == caught.value.line
    assert sentence in str(caught.value)


def test_a_stage_keeps_its_case_and_its_parent() -> None:
    text = "# c\nFROM a:1 AS Builder\nFROM scratch as other\nFROM builder\n"
    expected = (
        Stage("Builder", index=0, line=2, base=ImageUse("a:1", 2, "FROM", (9, 12)), parent=None),
        Stage("other", index=1, line=3, base=None, parent=None),
        Stage(None, index=2, line=4, base=None, parent=0),
    )
    assert expected == parse_dockerfile(text).stages


def test_a_stage_is_found_in_any_case() -> None:
    dockerfile = parse_dockerfile("FROM a AS Builder\nFROM b\n")
    assert dockerfile.stages[0] == dockerfile.stage("bUILDER")
    assert dockerfile.stage("other") is None


def test_the_last_of_two_stages_of_a_name_is_the_target_and_the_parent() -> None:
    dockerfile = parse_dockerfile("FROM a AS x\nFROM b AS x\nFROM x\n")
    assert dockerfile.stages[1] == dockerfile.stage("x")
    assert dockerfile.stages[2].parent == 1


def test_a_stage_may_stand_on_an_earlier_one_of_its_own_name() -> None:
    assert parse_dockerfile("FROM a AS x\nFROM x AS x\n").stages[1].parent == 0


def test_a_variable_can_name_a_stage() -> None:
    dockerfile = parse_dockerfile("ARG BASE=x\nFROM a AS x\nFROM $BASE\n")
    assert dockerfile.stages[1].parent == 0
    assert dockerfile.stages[0].base == dockerfile.images[-1]


def test_a_comment_about_a_builder_is_no_stage() -> None:
    expected = [None]
    assert expected == stages("FROM a\n# FROM b as builder\nRUN echo FROM c as builder\n")


@pytest.mark.parametrize("word", ["AS", "as", "As", "aS"])
def test_as_is_read_in_any_case(word: str) -> None:
    expected = ["builder"]
    assert expected == stages(f"FROM a {word} builder\n")


@pytest.mark.parametrize("name", ["b", "b1", "a.b-c_d", "B"])
def test_a_stage_name_may_hold(name: str) -> None:
    assert [name] == stages(f"FROM a AS {name}\n")


def test_each_use_has_its_line_and_instruction() -> None:
    text = (
        "FROM \\\n\n # c\n a\n"
        "COPY --chown=1 \\\n --from=b x y\n"
        "RUN \\\n--mount=target=/x,\\\nfrom=c x\n"
    )
    expected = [("a", 4, "FROM"), ("b", 6, "COPY"), ("c", 9, "RUN")]
    uses = parse_dockerfile(text).images
    assert expected == [(use.name, use.line, use.instruction) for use in uses]


SPANS = {
    "plain": ("FROM a:1 AS x\nCOPY --from=b:2 x y\n", ["a:1", "b:2"]),
    "before the substitution": ("ARG A=1\nFROM x:${A}\n", ["x:${A}"]),
    "Windows line ends": ("FROM a\r\nFROM \\\r\n  b\r\nCOPY --from=c x y\r\n", ["a", "b", "c"]),
    "a byte order mark": ("\ufeffFROM a\nFROM b\n", ["a", "b"]),
    "continuations": ("FROM \\\n# c\n\n a \\\n AS x\nFROM b\n", ["a", "b"]),
    "a word before the sign": ("FROM a\\\n AS x\nCOPY --from=b\\\n x y", ["a", "b"]),
    "inside a word": ("FROM py\\\nthon AS x\n", ["py\\\nthon"]),
    "quotes": ('FROM "a"\nCOPY --from="b" x y\n', ['"a"', '"b"']),
    "quotes around more": ('FROM a\nCOPY --"from=b" x y\n', ["a", "b"]),
    "mounts": (
        "FROM a\nRUN --mount=from=b,target=/x --mount=target=/y,from=c x\n",
        ["a", "b", "c"],
    ),
    "quoted mounts": (
        'FROM a\nRUN --mount="target=/y,from=b" --mount="from=c,target=/d" x',
        ["a", "b", "c"],
    ),
    "half quoted mounts": ('FROM a\nRUN --mount=from="b,target=/y" x', ["a", "b"]),
    "after a heredoc": ("FROM a\nRUN <<E\nx\nE\nFROM b\n", ["a", "b"]),
    "non-ASCII text": ("# ä😀\nFROM a\nRUN é😀\nFROM b\n", ["a", "b"]),
}


@pytest.mark.parametrize(("text", "expected"), SPANS.values(), ids=SPANS)
def test_a_span_holds_the_word_as_written(text: str, expected: list[str]) -> None:
    assert expected == written(text)


@pytest.mark.parametrize("text", [text for text, _ in (PLAUSIBLE | SPANS).values()])
def test_names_that_were_put_in_are_read_back(text: str) -> None:
    uses = parse_dockerfile(text).images
    names = {use: f"replaced/number-{number}:1" for number, use in enumerate(uses)}
    assert list(names.values()) == images(replace_images(text, names))


def test_replacing_keeps_everything_else() -> None:
    text = (
        "\ufeff# c\r\nFROM  a\tAS x\r\nCOPY --from=b \\\r\n\tx  y \r\n\r\n"
        "RUN --mount=from=a,target=/x z"
    )
    uses = [use for use in parse_dockerfile(text).images if use.name == "a"]
    expected = text.replace("FROM  a", "FROM  new:1").replace("from=a", "from=new:1")
    assert expected == replace_images(text, dict.fromkeys(reversed(uses), "new:1"))
    assert text == replace_images(text, {})


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("--mount=type=secret,id=one", ("one",)),
        ("--mount=id=one,type=SECRET", ("one",)),
        ("--mount=type=secret,source=two", ("two",)),
        ("--mount=type=secret,src=two,target=/a/b", ("two",)),
        ("--mount=type=secret,target=/run/three", ("three",)),
        ("--mount=type=secret,dst=/run/three/", ("three",)),
        ("--mount=type=secret,id=b --mount=type=secret,id=a --mount=type=secret,id=b", ("b", "a")),
        ('--mount=type=secret,id="one",required', ("one",)),
        ("--mount=type=secret,id=$A", ("$A",)),
        ("--mount=type=secret", ()),
        ("--mount=type=cache,id=one,target=/x", ()),
        ("--mount=type=ssh,id=one", ()),
    ],
)
def test_secrets_are_known_by_their_id(mounts: str, expected: tuple[str, ...]) -> None:
    assert expected == parse_dockerfile(f"{SCRATCH}RUN {mounts} x\n").secrets


# Instructions after FROM scratch, and what their build sees of the context; None is all of it.
CONTEXTS: dict[str, tuple[str, ...] | None] = {
    "": (),
    "ENV A=.\nWORKDIR /x\nUSER 1\nLABEL a=b\nRUN cp . /x": (),
    "COPY a /x": ("a",),
    "ADD a /x": ("a",),
    "copy\ta\t/x": ("a",),
    "COPY b a c/d /x/": ("a", "b", "c/d"),
    "COPY a /x\nCOPY b a /x/": ("a", "b"),
    "COPY a \\\n # c\n b \\\n /x/": ("a", "b"),
    "COPY a /x # c": ("#", "a", "x"),  # no comment for docker: the last word is where to
    'COPY ["a b", "c", "/x/"]': ("a b", "c"),
    'COPY --link ["a", "/x"]': ("a",),
    'COPY ["a", "/x"] b': None,
    'COPY ["a", 1]': None,
    'COPY ["a"]': None,
    "COPY [ab] /x": None,
    "COPY a": None,
    "COPY": None,
    **{f"COPY {path} /x": None for path in (".", "/", "./", "././", "a/..", "..", "a .", "//")},
    'COPY ["", "/x"]': None,
    "COPY /a ./b c/ d/. ./e//f /x/": ("a", "b", "c", "d", "e/f"),
    "COPY a/../b ../../c /../d e/./f/../g /x/": ("b", "c", "d", "e/g"),
    "COPY ..a .b /x/": ("..a", ".b"),
    "COPY a*.txt b/c?d e[fg]h i/* /x/": ("a*", "b/c*", "e*", "i/*"),
    "COPY a/*/../../b c/**/d /x/": ("b", "c/*"),
    **{f"COPY {path} /x": None for path in ("*", "*.txt", "?a", "[a]b", "./*", "a/../*")},
    "ARG A\nCOPY $A /x": None,
    "COPY a/${A:-b} /x": None,
    'COPY ["$A", "/x"]': None,
    "COPY a $A": ("a",),
    'COPY "a" /x': None,
    "COPY 'a b' /x": None,
    "COPY a\\ b /x": None,
    'COPY ["a\\\\b", "/x"]': None,
    "COPY a/\\../b /x": None,
    "COPY c:/a /x": None,
    "COPY --chown=1:1 --chmod=644 --link a /x": ("a",),
    "COPY --link=false a /x": ("a",),
    "COPY -- --a /x": ("--a",),
    "COPY --parents a/b /x": None,
    "COPY --exclude=*.txt a /x": None,
    "COPY --what a /x": None,
    "COPY --FROM=b a /x": None,
    "COPY --from=b . /x": (),
    "COPY --'from=b' . /x": (),
    "COPY --chown=1 --parents --from=b . /x": (),
    "COPY --from=b --what . /x": None,
    "COPY --from= a /x": ("a",),
    "COPY a --from=b /x": ("--from=b", "a"),
    "ADD --from=b a /x": None,
    "ADD --checksum=sha256:0 --keep-git-dir=true --unpack a /x": ("a",),
    "COPY --checksum=sha256:0 a /x": None,
    "COPY <<EOF /x\nCOPY . /\nEOF": (),
    "COPY <<-EOF a 3<<TWO /x/\nEOF\nTWO": ("a",),
    'COPY <<"EOF" /x\nEOF': None,
    'COPY ["<<EOF", "/x"]': (),  # a heredoc without a body, for docker
    "RUN <<EOF\nCOPY . /\nEOF": (),
    **{
        f"ADD {url} a /x/": ("a",)
        for url in (
            *(
                "http://h/x",
                "https://h/$A/x?y=*",
                "git@h:x/y.git",
                "ssh://git@h/x",
                "git://h/x#a:b",
            ),
            "https://h/x.git#v1",
        )
    },
    "ADD git@h /x": ("git@h",),
    "ADD git@$A:x /x": None,
    "ADD HTTP://h/x /x": None,
    "COPY http://h/x /x": None,
    "RUN --mount=type=bind,source=a/b,target=/x y": ("a/b",),
    "RUN --mount=target=/x,src=./a/../b y": ("b",),
    "RUN --mount=TYPE=Bind,SOURCE=/a,target=/x y": ("a",),
    "RUN --mount=source=a*b,target=/x y": ("a*",),
    "RUN --mount=source=a,target=/x --network=none --mount=source=b,target=/y z": ("a", "b"),
    "RUN --mount=type=bind,\\\nsource=a,target=/x y": ("a",),
    "RUN --mount=source=a,target=/x <<EOF\nls\nEOF": ("a",),
    **{
        f"RUN --mount={mount} y": None
        for mount in (
            *("target=/x", "type=bind,target=/x", "source=.,target=/x", "source=/,target=/x"),
            *(
                "source=,target=/x",
                "source=a/..,target=/x",
                "source=$A,target=/x",
                "type=,source=a",
            ),
            *(
                "type=,source=a",
                "source=a,src=b,target=/x",
                "from=,target=/x",
                "type=$A,source=a,target=/x",
            ),
            *("type=what,source=a,target=/x", "'\"source=a\",target=/x'", "\"from='',target=/x\""),
        )
    },
    "RUN --mount y": None,
    "RUN --what y": None,
    "RUN --security=insecure --device=x y": (),
    "RUN --mount=from=b:1,target=/x y": (),
    "RUN --mount=type=bind,from=b,source=/,target=/x y": (),
    **{f"RUN --mount=type={kind},target=/x y": () for kind in ("cache", "secret", "ssh", "tmpfs")},
    "RUN --mount=type=cache,source=a,target=/x y": (),
    "RUN y --mount=source=a,target=/x": (),
    "ONBUILD COPY . /x\nONBUILD RUN --mount=target=/x y": (),
    "ONBUILD COPY a /x\nFROM b\nCOPY c /x": ("c",),
    "WHAT a": None,
    "COPY a /x\nFROM b\nCOPY c /x": ("a", "c"),
    "COPY a /x\nFROM b\nCOPY . /x": None,
}
# Whole texts of which more than the instructions decides.
SYNTAXES: dict[str, tuple[str, ...] | None] = {
    "# syntax=docker/dockerfile:1\nFROM a\n": (),
    "# Syntax = docker.io/docker/dockerfile:1.7-labs\nFROM a\n": (),
    "# syntax=docker/dockerfile@sha256:0\nFROM a\n": (),
    "# syntax=someone/else:1\nFROM a\n": None,
    "\ufeff# escape=`\n#syntax=docker/dockerfile-else\nFROM a\n": None,
    "# escape=`\nFROM a\nCOPY b`\nc /x\n": ("bc",),
    "# escape=`\nFROM a\nCOPY b`c /x\n": None,
    "ARG A=1\nFROM a\n": (),
    # The triggers of a stage run in the stages upon it.
    "FROM a AS x\nONBUILD COPY b /x\nFROM x\n": ("b",),
    "FROM a AS x\nONBUILD ADD . /x\nFROM x\n": None,
}


@pytest.mark.parametrize(("instructions", "expected"), CONTEXTS.items())
def test_a_build_sees_of_its_context(instructions: str, expected: tuple[str, ...] | None) -> None:
    assert expected == parse_dockerfile(f"{SCRATCH}{instructions}\n").context


@pytest.mark.parametrize(("text", "expected"), SYNTAXES.items())
def test_what_is_seen_of_the_context_depends_on(
    text: str, expected: tuple[str, ...] | None
) -> None:
    assert expected == parse_dockerfile(text).context


def test_another_frontend_that_an_argument_names_may_see_everything() -> None:
    arguments = {"BUILDKIT_SYNTAX": "someone/else"}

    assert parse_dockerfile(SCRATCH, arguments).context is None


@pytest.mark.parametrize(
    ("context", "seen", "unseen"),
    [
        (None, ["a", "b/c", ""], []),
        ((), [], ["a", "b/c"]),
        (("a",), ["a", "a/b", "a/b/c"], ["ab", "b/a", "A", "a.txt"]),
        (("a/b", "c"), ["a/b", "a/b/c", "c"], ["a", "a/c", "b"]),
        (("a*", "b/*"), ["a", "ab", "a/b", "b/c", "b/c/d"], ["b", "ba", "c/a"]),
        (("[a]", "a+"), ["[a]/b", "a+"], ["a", "aa"]),
    ],
)
def test_a_path_is_seen_if_it_is_named_or_lies_below(
    context: tuple[str, ...] | None, seen: list[str], unseen: list[str]
) -> None:
    assert seen == [path for path in (*seen, *unseen) if sees(context, path)]


def test_a_link_on_the_way_to_what_is_seen_may_be_followed() -> None:
    expected = ["a", "a/b", "a/b/c", "d/ef"]
    links = ("a", "a/b", "a/b/c", "a/c", "ab", "d/ef", "d/g", "e")

    assert expected == [link for link in links if may_follow(("a/b", "d/e*"), link)]
    assert not may_follow((), "a")
    assert not may_follow(None, "a")


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *(
                "FROM",
                "ARG",
                "COPY",
                "RUN",
                "ONBUILD",
                "from",
                "AS",
                "a",
                "x:1",
                "A=$B",
                "ä",
                "EOF",
            ),
            *(
                "--from=",
                "--mount=",
                "--platform=",
                "type=secret",
                "from=",
                "id=",
                "target=/x",
                "--",
            ),
            *("<<", "<<-", "<<EOF", "'", '"', "\\", "`", "# escape=`", ",", "[", "]", "*", "?"),
            *("$A", "${A", "}", ":-", "#", "##", "%", "/", " ", "\t", "\xa0", "\x85", "\x1c"),
            *("\n", "\nFROM ", "\r\n", "\\\n", "\ufeff"),
        ]
    ),
    max_size=40,
).map("".join)


def parsed_or_refused(text: str) -> tuple[ImageUse, ...]:
    try:
        return parse_dockerfile(text, {"B": "b"}).images
    except DockerfileError:
        return ()


@given(st.one_of(st.text(), FRAGMENTS, FRAGMENTS.map("FROM a\n".__add__)))
def test_any_text_is_parsed_or_refused_and_its_own_words_give_it_back(text: str) -> None:
    own = {use: text[slice(*use.span)] for use in parsed_or_refused(text)}
    assert text == replace_images(text, own)
    assert all(own.values())
