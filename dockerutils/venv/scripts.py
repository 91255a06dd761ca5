"""The programs in a virtualenv's bin folder, as they have to be in another place."""

from __future__ import annotations

import re
from collections.abc import Callable

SHEBANG_LIMIT = 127  # bytes of a first line that every Linux kernel reads (binfmt_script)

# pip and distlib write this where a first line cannot name the interpreter, uv as well. To a
# shell it starts the interpreter with the script; to Python it is a string.
TRAMPOLINE = re.compile(
    rb"#!/bin/sh\n"
    rb"'''exec' (?P<program>.+?)(?P<options>(?: -[^ ]+)*) \"\$0\" \"\$@\"\n"
    rb"' '''\n"
)
BESIDE = re.compile(rb'"\$\(dirname -- "\$\(realpath -- "\$0"\)"\)"/')
FIRST_LINE = re.compile(rb"#![ \t]*(?P<line>[^\n]+?)[ \t\r]*(?:\n|\Z)")
OPTIONS = re.compile(rb"(?P<program>.+?)(?P<options>(?:[ \t]+-[^ \t]+)*)")


def is_binary(head: bytes) -> bool:
    """Tell whether a file that begins so is a compiled program, which is never edited."""
    return b"\0" in head and not head.startswith(b"#!")


def with_shebang(script: bytes, is_own: Callable[[bytes], bool], python: bytes) -> bytes:
    """Give a script that its own virtualenv starts the first line for `python` in its place.

    `is_own` tells whether the path of a program is one of the virtualenv's interpreters. Other
    scripts are given as they are. All forms come out as one, so that it depends on the place only.
    """
    found = TRAMPOLINE.match(script)
    call = found or called(script)
    if not call:
        return script
    beside = bool(found and BESIDE.match(call["program"]))
    if not beside and not is_own(unquoted(call["program"])):
        return script
    end = (found or FIRST_LINE.match(script) or call).end()
    return shebang(python, b" ".join(call["options"].split())) + script[end:]


def called(script: bytes) -> re.Match[bytes] | None:
    """Split a plain first line into the program and its options.

    A path may hold spaces, so only what looks like an option counts as one.
    """
    first = FIRST_LINE.match(script)
    return OPTIONS.fullmatch(first["line"]) if first else None


def unquoted(word: bytes) -> bytes:
    """Give the path that a shell reads in the forms that pip and uv write."""
    if word[:1] == word[-1:] == b"'":
        return word[1:-1].replace(b"'\"'\"'", b"'")
    return word.strip(b'"')


def shebang(python: bytes, options: bytes) -> bytes:
    """Give the first lines of a script for an interpreter: plain, or what a shell understands."""
    plain = b"#!" + python + (b" " + options if options else b"")
    if len(plain) <= SHEBANG_LIMIT and not any(white in python for white in (b" ", b"\t")):
        return plain + b"\n"
    program = b"'" + python.replace(b"'", b"'\"'\"'") + b"'"
    call = program + (b" " + options if options else b"")
    return b"#!/bin/sh\n'''exec' " + call + b" \"$0\" \"$@\"\n' '''\n"
