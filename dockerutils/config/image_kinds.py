"""Kinds of values that are baked into an image: folders, dates, sizes, ports, variables, labels.

Like those of `kinds`, each gives the same immutable value for both spellings.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dockerutils.config.kind import toml_type
from dockerutils.config.words import run_options, split_words, unquoted

STRING, NUMBER, DATE = "a string", "a number", "a date"
NOW = "now"
UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
SIZE = re.compile(r"(\d+(?:\.\d+)?) *([A-Za-z]*)")
PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp|sctp))?", re.IGNORECASE)
# RFC 3339, section 5.6; a day alone is its first moment in UTC.
MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-]\d\d:\d\d)))?", re.ASCII
)
USER = re.compile(r"[^\s:$]+(?::[^\s:$]+)?")
ARCHIVES = (".tar", ".tar.gz", ".tgz")
LAYOUT = "oci:"
OUR_LABELS = "dockerutils."
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
FILES = (("./", "../", "/"), ".txt")  # how the names of files begin, or end


class ProjectFolder(NamedTuple):
    """A folder of the project, from its root, and its place in the image, an absolute path."""

    source: str
    dest: str

    def __str__(self) -> str:
        return f"{self.source}:{self.dest}"


@dataclass(frozen=True)
class Parsed:
    """One value, named `what` with its article, that `read` makes of its text or refuses.

    `takes` names the TOML types whose texts it reads.
    """

    what: str
    read: Callable[[str], object]
    takes: tuple[str, ...] = (STRING,)

    @property
    def label(self) -> str:
        """Name the kind for a reader."""
        return self.what.partition(" ")[2]

    def from_ini(self, text: str) -> object:
        """Read the text, which may be quoted; nothing is not set."""
        value = unquoted(text.strip())
        return self.read(value) if value else None

    def from_toml(self, value: object) -> object:
        """Read a value of one of the types."""
        if toml_type(value) not in self.takes or value == "":
            given = "an empty string" if value == "" else toml_type(value)
            raise ValueError(f"has to be {self.what}, not {given}")
        return self.read(str(value))

    def to_toml(self, value: object) -> object:
        """Give the value, a string or a number."""
        return value


@dataclass(frozen=True)
class Items:
    """Several values; `read` makes each of its text, and `str` gives a text back."""

    label: str
    read: Callable[[str], object]
    example: str
    numbers: bool = False

    def from_ini(self, text: str) -> tuple[object, ...]:
        """Split as a shell does."""
        return tuple(map(self.read, split_words(text)))

    def from_toml(self, value: object) -> tuple[object, ...]:
        """Take a list of strings, and of numbers where those are allowed."""
        if not isinstance(value, list):
            raise ValueError(f"has to be a list, such as {self.example}, not {toml_type(value)}")
        allowed = (STRING, NUMBER) if self.numbers else (STRING,)
        for item in value:
            if toml_type(item) not in allowed:
                raise ValueError(f"has to hold {allowed[-1][2:]}s only, not {toml_type(item)}")
        return tuple(self.read(str(item)) for item in value)

    def to_toml(self, value: object) -> object:
        """Give the texts."""
        return [str(item) for item in value] if isinstance(value, tuple) else []


@dataclass(frozen=True)
class Assignments:
    """Names with values: pairs, each name once. A .cfg may write docker's `option` before each."""

    option: str
    check: Callable[[str], None]
    label: str = "table of strings"

    def from_ini(self, text: str) -> tuple[tuple[str, str], ...]:
        """Read words `NAME=VALUE`, or option notation."""
        words = split_words(text)
        if words and words[0].startswith("-"):
            words = tuple(self._bare(run_options(words)))
        return self._pairs(words)

    def from_toml(self, value: object) -> tuple[tuple[str, str], ...]:
        """Take a table, or a list of strings `NAME=VALUE`."""
        if isinstance(value, dict):
            return self._pairs(f"{name}={self._text(name, item)}" for name, item in value.items())
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("has to be a table, or a list of strings NAME=VALUE")
        return self._pairs(value)

    def to_toml(self, value: object) -> object:
        """Give a table."""
        return dict(value) if isinstance(value, tuple) else {}

    def _bare(self, options: Iterable[tuple[str, ...]]) -> Iterable[str]:
        for name, *values in options:
            if name != self.option:
                raise ValueError(f"holds {name}: only {self.option} has a meaning here")
            yield values[0]

    def _pairs(self, assignments: Iterable[str]) -> tuple[tuple[str, str], ...]:
        pairs: dict[str, str] = {}
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            self.check(name)
            if not equals:
                raise ValueError(
                    f"gives {name} no value, and an image has nothing to take it from;"
                    f" write {name}=VALUE"
                )
            pairs[name] = value
        return tuple(pairs.items())

    def _text(self, name: str, item: object) -> str:
        if "=" in name:
            raise ValueError(f"holds `{name}`, a name with a `=` in it")
        if isinstance(item, dict) and "from" in item:
            raise ValueError(
                f"takes {name} from the environment as if that kept it out of sight; but everybody"
                f" who has an image can read what is baked into it. Write {name} ="
                f' "${item["from"]}" if that may be, else set it in `environment`, for the run'
            )
        if toml_type(item) not in (STRING, NUMBER):
            raise ValueError(f"has to give {name} a string, not {toml_type(item)}")
        return str(item)


def read_folder(text: str) -> ProjectFolder:
    """Read `source:dest`; raise `ValueError` for anything else."""
    source, colon, dest = text.rpartition(":")
    if not (source and colon and dest.startswith("/")):
        raise ValueError(f"holds `{text}`; write FOLDER:/PLACE/IN/THE/IMAGE, such as src:/app")
    return ProjectFolder(source, read_place(dest))


def read_place(text: str) -> str:
    """Read an absolute path in an image, without `..` and what separates the parts of a PATH."""
    if not text.startswith("/") or ".." in text.split("/") or re.search(r"[:$\x00-\x1f]", text):
        raise ValueError(
            f"is `{text}`; write an absolute path in the image, without `..`, `:` and `$`"
        )
    return "/" + posixpath.normpath(text).lstrip("/")


def read_folder_of_its_own(text: str) -> str:
    """Read an absolute path in an image other than its root."""
    if (path := read_place(text)) == "/":
        raise ValueError("is `/`; write a folder below it, such as /opt/venv")
    return path


def read_size(text: str) -> int:
    """Read a size such as 1MiB, 500kB or 1048576; gives bytes."""
    found = SIZE.fullmatch(text)
    if not found or found[2].lower() not in UNITS:
        raise ValueError(f"is `{text}`; write a size such as 1MiB, 500kB or 1048576 (bytes)")
    return int(float(found[1]) * UNITS[found[2].lower()])


def read_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Give a reader of whole numbers in these limits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"is `{text}`; write a whole number from {lowest} to {highest}")
        return int(text)

    return read


def read_port(text: str) -> str:
    """Read a port such as 8000 or 53/udp; gives it with its protocol."""
    found = PORT.fullmatch(text)
    if not found or not 1 <= int(found[1]) <= 65535:
        raise ValueError(f"holds `{text}`; write a port such as 8000 or 53/udp")
    return f"{int(found[1])}/{(found[2] or 'tcp').lower()}"


def read_moment(text: str) -> str:
    """Read `now`, or a date of RFC 3339, which is given in UTC to the second."""
    from datetime import datetime, timezone  # noqa: PLC0415  # hardly any image sets a date

    found = MOMENT.fullmatch(text)
    try:
        if text == NOW or not found:
            raise ValueError
        day, time, offset = found.groups("00:00:00")
        offset = found[3] or "+00:00"
        moment = datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        if text == NOW:
            return NOW
        raise ValueError(
            f"is `{text}`; write now, or a date such as 2024-05-01 or 2024-05-01T12:00:00Z"
        ) from None
    return moment.isoformat().replace("+00:00", "Z")


def read_pattern(text: str) -> str:
    """Read a pattern of .dockerignore's notation: one line that is not empty."""
    if not text.strip() or "\n" in text:
        raise ValueError("holds an empty pattern, or one of several lines")
    return text


def read_package(text: str) -> str:
    """Read a Debian package, with or without its architecture and version, or a file of such."""
    if is_file_of_packages(text) or PACKAGE.fullmatch(text):
        return text
    raise ValueError(
        f"holds `{text}`, which no Debian package is called; write packages such as libpq5, or a"
        " file such as ./packages.txt"
    )


def is_file_of_packages(text: str) -> bool:
    """Tell whether a word names a file, and no package."""
    begins, ends = FILES
    return text.startswith(begins) or text.endswith(ends)


def check_one_line(text: str) -> None:
    """Raise `ValueError` for a text of several lines."""
    if re.search(r"[\x00-\x1f]", text):
        raise ValueError("has to be one line")


def check_base(text: str) -> None:
    """Raise `ValueError` for what can be neither an image's name nor a place of one."""
    if re.search(r"\s", text) and base_place(text) == ("image", text):
        raise ValueError(f"is `{text}`, which no image can be called")
    if text == LAYOUT:
        raise ValueError("names no folder; write oci:FOLDER")


def base_place(text: str) -> tuple[str, str]:
    """Tell what a base is, and where: ("layout", folder), ("archive", file) or ("image", name)."""
    if text.startswith(LAYOUT):
        return "layout", text.removeprefix(LAYOUT)
    if text.startswith(("./", "../", "/")) or text.endswith(ARCHIVES):
        return "archive", text
    return "image", text


def check_baked_user(text: str) -> None:
    """Raise `ValueError` for what is no user of an image: a name or a number, with a group or
    without."""
    if not USER.fullmatch(text):
        raise ValueError(f"is `{text}`; write a name or a number, such as app, 1000 or 1000:1000")


def check_label(name: str) -> None:
    """Raise `ValueError` for what cannot name a label, or names one of ours."""
    if not name or re.search(r"[\s\x00]", name):
        raise ValueError(f"holds `{name}`, which is no label's name")
    if name.startswith(OUR_LABELS):
        raise ValueError(f"holds `{name}`: the labels {OUR_LABELS}… are set by dockerutils itself")


def one_of(*words: str) -> Callable[[str], None]:
    """Give a check that raises `ValueError` for any other word."""
    *others, last = words

    def check(text: str) -> None:
        if text not in words:
            raise ValueError(f"is `{text}`; write {', '.join(others)} or {last}")

    return check
