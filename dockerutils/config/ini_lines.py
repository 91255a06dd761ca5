"""Where the sections and keys of a .cfg stand, which configparser does not tell."""

from __future__ import annotations

from configparser import ConfigParser
from dataclasses import dataclass, field

from dockerutils.config.model import Origin
from dockerutils.config.problems import Problems

DEFAULT = "DEFAULT"
COMMENTS = ("#", ";")
Place = tuple[str, str]
"""A section and a key; the key is empty for the section's own header."""


@dataclass
class IniLines:
    """Goes over a text as configparser does, line by line; notes what configparser refuses."""

    problems: Problems
    found: dict[Place, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    section: str = ""
    key: str = ""
    indent: int = 0

    def scan(self, text: str) -> str:
        """Find all places; give the text without the lines that configparser refuses."""
        for number, line in enumerate(text.split("\n"), start=1):
            self.kept.append(line if self._readable(number, line) else "#")
        return "\n".join(self.kept)

    def line(self, section: str, key: str) -> int:
        """Give the line of a key, which may stand in [DEFAULT], else of its section, else 0."""
        places = ((section, key), (DEFAULT, key), (section, ""))
        return next((self.found[place] for place in places if place in self.found), 0)

    def _readable(self, number: int, line: str) -> bool:
        content = line.strip()
        if not content or content.startswith(COMMENTS):
            return True
        indent = len(line) - len(line.lstrip())
        if self.key and indent > self.indent:
            return True  # goes on with the value of the key above
        if header := ConfigParser.SECTCRE.match(content):
            self.section, self.key, self.indent = header["header"], "", indent
            self._add(number, self.section, "")
            return True
        return self._assigns(number, content, indent)

    def _assigns(self, number: int, content: str, indent: int) -> bool:
        assigned = ConfigParser.OPTCRE.match(content)
        if not self.section:
            if not self.problems.faults:
                self._fault(number, "stands before the first [section]; write one above it.")
        elif not (assigned and assigned["option"]):
            self._fault(number, f"cannot be read: `{content}`; write `key = value`.")
        else:
            self.key, self.indent = assigned["option"].rstrip(), indent
            self._add(number, self.section, self.key)
            return True
        return False

    def _add(self, number: int, section: str, key: str) -> None:
        first = self.found.setdefault((section, key), number)
        if first != number and (section, key) != (DEFAULT, ""):
            what = "is set twice" if key else "stands twice"
            self._fault(number, f"{what}; the first is in line {first}: keep one.", section, key)

    def _fault(self, number: int, sentence: str, section: str = "", key: str = "") -> None:
        self.problems.fault(Origin(self.problems.file, number), section, key, sentence)
