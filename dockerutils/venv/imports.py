"""`--verify import`: does every module import in the image as it does in the virtualenv?

A small program is run on both sides and tells what it found; here are its text, the commands that
start it, and the comparison.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockerutils.command import Command
from dockerutils.docker_cli import run_apart
from dockerutils.errors import DockerutilsError
from dockerutils.venv.environment import Virtualenv
from dockerutils.venv.records import Distribution

MODULE_FILE = re.compile(r"([A-Za-z_]\w*)(?:\.(?:cpython-3\d+[\w-]*|abi3))?\.(?:so|py)")
INITIAL = re.compile(r"__init__(?:\.(?:cpython-3\d+[\w-]*|abi3))?\.(?:so|py)")
# Names at the top level that are no part of what a distribution is for, and may do anything.
ASIDE = frozenset(
    ("test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "scripts")
)
DEEPEST = 3  # folders of a namespace above its packages
SHOWN = 10  # differences that a message tells
# -I: what the user's environment says does not count; -B: a virtualenv never gets files from us.
FLAGS = ("-I", "-B", "-c")

CHILD = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
nothing = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(nothing, number)
for name in sys.argv[1:]:
    try:
        __import__(name)
        text = ""
    except BaseException as error:
        text = type(error).__name__ + ": " + str(error)
    answers.write(json.dumps([name, text]) + chr(10))
    answers.flush()
os._exit(0)
"""

PROGRAM = f"""
import concurrent.futures, json, os, subprocess, sys, sysconfig
CHILD = {CHILD!r}
LIMIT = 300

def tried(names):
    found = []
    while names:
        words = [sys.executable, "-I", "-B", "-c", CHILD] + names
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, timeout=LIMIT)
            output, end = done.stdout, "it ended Python with status %d" % done.returncode
        except subprocess.TimeoutExpired as error:
            output, end = error.stdout or b"", "it took longer than %d seconds" % LIMIT
        answers = [json.loads(line) for line in output.splitlines() if line.endswith(b"]")]
        names = names[len(answers):]
        found += answers
        if names:
            found.append([names.pop(0), "Crash: " + end])
    return found

def target(path):
    with open(path, "rb") as file:
        head = file.read(4096)
    lines = head.split(b"\\n")
    if not head.startswith(b"#!"):
        return ""
    word = lines[0][2:].split()[0]
    if word == b"/bin/sh" and lines[1:] and lines[1].startswith(b"'''exec'"):
        rest = lines[1].partition(b" ")[2]
        word = rest.split(b'"')[1] if rest.startswith(b'"') else rest.split()[0]
    word = os.fsdecode(word)
    return "" if "$" in word or os.access(word, os.X_OK) else word + " is not there"

def scripts():
    found = {{}}
    for entry in sorted(os.scandir(os.path.join(sys.prefix, "bin")), key=lambda one: one.name):
        if entry.is_file() and os.access(entry.path, os.X_OK):
            try:
                found[entry.name] = target(entry.path)
            except (OSError, IndexError) as error:
                found[entry.name] = str(error)
    return found

names = sys.argv[1:]
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    modules = dict(one for part in pool.map(tried, [names[n::4] for n in range(4)]) for one in part)
print()
print(json.dumps({{
    "version": list(sys.version_info[:3]),
    "soabi": sysconfig.get_config_var("SOABI"),
    "prefix": sys.prefix,
    "modules": modules,
    "scripts": scripts(),
}}))
"""


@dataclass(frozen=True)
class Report:
    """What the program found: a module or a script with an empty text is all right."""

    version: tuple[int, ...]
    soabi: str
    prefix: str
    modules: Mapping[str, str]
    scripts: Mapping[str, str]


def modules_to_import(
    distributions: Iterable[Distribution],
    site_packages: Sequence[str],
    packed: Collection[str] | None = None,
) -> tuple[str, ...]:
    """Give the top-level modules of all distributions, and the packages in their namespaces.

    `packed` are the paths that get into the image, where some are left out.
    """
    found: set[str] = set()
    for distribution in distributions:
        paths = (path for path in distribution.files if packed is None or path in packed)
        inside = [tail for path in paths if (tail := _below(path, site_packages))]
        found.update(_modules(inside))
        found.update(claim.rpartition("/")[2] for claim in distribution.claims)
        if distribution.editable and distribution.source:
            found.update(_module_of_source(distribution.name, distribution.source))
    return tuple(sorted(name for name in found if _worthwhile(name)))


def _below(path: str, folders: Sequence[str]) -> str:
    return next((path[len(one) + 1 :] for one in folders if path.startswith(f"{one}/")), "")


def _modules(paths: Iterable[str]) -> Iterator[str]:
    """Give the modules of files in site-packages: those at the top, and the highest packages."""
    packages: set[str] = set()
    for path in paths:
        folder, _, name = path.rpartition("/")
        if not folder and (match := MODULE_FILE.fullmatch(name)):
            yield match[1]
        elif folder and INITIAL.fullmatch(name) and folder.count("/") < DEEPEST:
            packages.add(folder)
    for folder in packages:
        parts = folder.split("/")
        if not any("/".join(parts[:end]) in packages for end in range(1, len(parts))):
            yield ".".join(parts)


def _module_of_source(name: str, source: Path) -> Iterator[str]:
    """Give the module that an editable distribution is named after, where there is one."""
    module = name.replace("-", "_")
    for folder in (source, source / "src"):
        if (folder / module / "__init__.py").is_file() or (folder / f"{module}.py").is_file():
            yield module


def _worthwhile(name: str) -> bool:
    top = name.partition(".")[0]
    plain = all(part.isidentifier() for part in name.split("."))
    return plain and top not in ASIDE and not top.startswith("__")


def import_here(venv: Virtualenv, modules: Sequence[str]) -> Command:
    """Import with the virtualenv's own Python; nothing is written to it."""
    return Command((str(venv.root / "bin" / "python"), *FLAGS, PROGRAM, *modules))


def import_in_image(image: str, dest: str, modules: Sequence[str]) -> Command:
    """Import in a container without a network, which is removed afterwards."""
    return run_apart(image, f"{dest}/bin/python", (*FLAGS, PROGRAM, *modules))


def parse_report(output: str, errors: str, who: str) -> Report:
    """Read what the program wrote; raises `DockerutilsError` where it did not come to its end."""
    try:
        return _report(json.loads(output.splitlines()[-1]))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        last = (errors.strip().splitlines() or ["it wrote nothing"])[-1]
        raise DockerutilsError(
            f"the imports could not be tried with {who}: {last}",
            "Build without `--verify`, and start the image by hand to see what is wrong.",
        ) from error


def _report(data: Mapping[str, Any]) -> Report:
    version = tuple(int(part) for part in data["version"])
    texts = ({str(key): str(one) for key, one in data[name].items()} for name in FINDINGS)
    return Report(version, str(data["soabi"]), str(data["prefix"]), *texts)


FINDINGS = ("modules", "scripts")


def differences(here: Report, there: Report) -> tuple[str, ...]:
    """Tell what is worse in the image than in the virtualenv, a sentence each.

    What fails on both sides in the same way is none: a module may need what neither has.
    """
    found = []
    if here.version[:2] != there.version[:2]:
        versions = (".".join(map(str, one.version[:2])) for one in (there, here))
        found.append("the image has Python {}, and the virtualenv {}".format(*versions))
    if here.soabi != there.soabi:
        found.append(
            f"the image's Python loads modules for {there.soabi}, the virtualenv's for {here.soabi}"
        )
    for name, text in here.modules.items():
        other = there.modules.get(name, "it was not tried")
        if other and _kind(other) != _kind(text):
            found.append(f"{name} cannot be imported: {_brief(other)}")
    for name, text in here.scripts.items():
        other = there.scripts.get(name, "")
        if other and not text:
            found.append(f"bin/{name} cannot start: {other}")
    return tuple(found)


def _kind(text: str) -> str:
    return text.partition(":")[0]


def _brief(text: str) -> str:
    line = (text.splitlines() or [""])[0]
    return line if len(line) <= 300 else f"{line[:300]}..."


def verify(here: Report, there: Report, image: str) -> None:
    """Raise `DockerutilsError`, which tells the differences, where there are any."""
    found = differences(here, there)
    if found:
        more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        lines = "".join(f"\n  {line}" for line in (*found[:SHOWN], *more))
        raise DockerutilsError(
            f"{image} does not run what the virtualenv runs:{lines}",
            "Install in the base what is missing, or leave the distribution out of the virtualenv.",
        )
