"""What this machine's own apt is told of archives, and how old its knowledge of them is.

The files are those of sources.list(5), in both of its styles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from dockerutils.errors import ProjectError

KEPT_OPTIONS = ("signed-by", "trusted", "check-valid-until", "check-date")
ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<words>\S.*)")
ROLLING = ("sid", "unstable", "testing", "experimental")  # they have no updates besides
BESIDE = ("-updates", "-security", "/updates")
INSIDE = "-----BEGIN"  # how a key begins that stands in the place of its file's name
COMPONENT = "main"  # what Debian's archives have, and others' hardly ever
HEAD = 1 << 12  # bytes of an InRelease file that hold its date


@dataclass(frozen=True)
class AptSource:
    """One release of one archive, with the options that a mirror needs."""

    address: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    @property
    def line(self) -> str:
        """Write it in the one-line style."""
        options = " ".join(f"{name}={value}" for name, value in self.options)
        words = ("deb", *([f"[{options}]"] if options else []), self.address, self.suite)
        return " ".join((*words, *self.components))

    @property
    def keys(self) -> tuple[str, ...]:
        """The files with the keys that it has to be signed by, where it names any."""
        return tuple(
            one for one in dict(self.options).get("signed-by", "").split(",") if "/" in one
        )

    @property
    def release(self) -> str:
        """The address of the file with which the archive dates and signs itself."""
        return f"{self.address.rstrip('/')}/dists/{self.suite}/InRelease"


@dataclass(frozen=True)
class AptMachine:
    """The apt of a machine, whose files lie below `root`."""

    root: Path = Path("/")

    @property
    def suite(self) -> str:
        """The machine's own release, `bookworm` or the like; empty for none."""
        try:
            text = (self.root / "etc/os-release").read_text("utf-8")
        except OSError:
            return ""
        found = re.search(r"""(?m)^VERSION_CODENAME=["']?([a-z0-9.-]+)""", text)
        return found[1] if found else ""

    def sources(self, suite: str) -> tuple[AptSource, ...]:
        """Give a release with its updates and security fixes from the archives that are known.

        Where no source has that release, it is looked for in the archives of this machine's own.
        Raises `ProjectError` where there is none, or one that cannot be handed on.
        """
        known = [one for one in self._known() if COMPONENT in one.components]
        found = releases(known, suite)
        if not any(one.suite == suite for one in found):
            beside = () if suite in ROLLING else BESIDE
            own = releases(known, self.suite) if self.suite else []
            found = [
                replace(one, suite=suite + one.suite.removeprefix(self.suite))
                for one in own
                if one.suite.removeprefix(self.suite) in ("", *beside)
            ]
        if not found:
            raise ProjectError(
                f"apt's sources on this machine name no archive with the release {suite}.",
                "Name one in a file in /etc/apt/sources.list.d; see sources.list(5).",
            )
        for one in found:
            check_source(one)
        return unique(found)

    def dates(self, suite: str) -> dict[str, str]:
        """Give when each archive of a release was made, as far as this machine's apt knows it."""
        folder = self.root / "var/lib/apt/lists"
        dates: dict[str, str] = {}
        for name in (suite, *(suite + end.replace("/", "_") for end in BESIDE)):
            for file in sorted(folder.glob(f"*_dists_{name}_InRelease")):
                dates[name] = date_of(file)
        return dates

    def _known(self) -> Iterator[AptSource]:
        folder = self.root / "etc/apt"
        for file in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))):
            yield from one_line_sources(text_of(file))
        for file in sorted((folder / "sources.list.d").glob("*.sources")):
            yield from stanza_sources(text_of(file))


def text_of(file: Path) -> str:
    """Read a file; one that is not there, or is not for us to read, says nothing."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def date_of(file: Path) -> str:
    """Give the date of an InRelease file, empty for one without."""
    found = re.search(r"(?m)^Date: *(.+?) *$", text_of(file)[:HEAD])
    return found[1] if found else ""


def releases(known: Iterable[AptSource], suite: str) -> list[AptSource]:
    """Choose a release and what belongs to it."""
    return [one for one in known if one.suite in (suite, *(suite + end for end in BESIDE))]


def unique(found: Iterable[AptSource]) -> tuple[AptSource, ...]:
    """Leave out what is there already."""
    return tuple({one.line: one for one in found}.values())


def check_source(source: AptSource) -> None:
    """Raise `ProjectError` for a source that cannot be handed on as a line."""
    if "@" in urlsplit(source.address).netloc:
        raise ProjectError(
            f"apt's source for {source.suite} has a password in its address, which would get into"
            " the image.",
            "Put it into a file in /etc/apt/auth.conf.d; see apt_auth.conf(5).",
        )
    if INSIDE in dict(source.options).get("signed-by", ""):
        raise ProjectError(
            f"apt's source for {source.suite} has its key inside, which cannot be handed on.",
            "Put the key into a file in /etc/apt/keyrings, and name that in Signed-By.",
        )


def one_line_sources(text: str) -> Iterator[AptSource]:
    """Read the one-line style; what is no line of it is passed over."""
    for line in text.splitlines():
        found = ONE_LINE.match(line.partition("#")[0].strip())
        words = found["words"].split() if found else []
        if found and len(words) >= 3:
            pairs = (one.partition("=")[::2] for one in (found["options"] or "").split())
            yield AptSource(words[0], words[1], tuple(words[2:]), kept(dict(pairs)))


def stanza_sources(text: str) -> Iterator[AptSource]:
    """Read the style of stanzas (deb822); those that are not enabled are passed over."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(stanza_fields(stanza))
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off")
        if not enabled or "deb" not in fields.get("types", "").split():
            continue
        components = tuple(fields.get("components", "").split())
        for address in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield AptSource(address, suite, components, kept(fields))


def stanza_fields(stanza: str) -> Iterator[tuple[str, str]]:
    """Give the fields of a stanza; the lines of a value stay apart."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    for field_ in re.split(r"\n(?=\S)", "\n".join(lines)):
        name, colon, value = field_.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def kept(options: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Choose the options that matter to somebody else who asks the same mirror."""
    lower = {name.lower(): value for name, value in options.items()}
    return tuple((name, ",".join(lower[name].split())) for name in KEPT_OPTIONS if lower.get(name))
