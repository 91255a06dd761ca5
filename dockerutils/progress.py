"""What BuildKit's plain progress tells: the current step, how many came from the cache, the end."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

STEP = re.compile(r"#(?P<number>\d+) (?P<text>.*)")
# [builder 2/7] RUN pip install …   or   [2/7] COPY . .
COUNTED = re.compile(r"\[(?:(?P<stage>\S+) +)?(?P<at>\d+)/(?P<of>\d+)\] (?P<what>.*)")
OUTPUT = re.compile(r"\d+\.\d+ (?P<line>.*)")
ENDED = re.compile(r"(?:DONE|CANCELED|ERROR)\b")
TAIL = 20  # lines that are shown of a build that failed


@dataclass
class Progress:
    """The state of one build, fed line by line."""

    step: str = ""
    cached: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    def feed(self, line: str) -> None:
        """Take the next line of the output."""
        match = STEP.fullmatch(line.rstrip())
        if match is None:
            if line.strip():
                self.tail.append(line.rstrip())
            return
        self._take(match["number"], match["text"])

    def _take(self, number: str, text: str) -> None:
        output = OUTPUT.fullmatch(text)
        counted = COUNTED.fullmatch(text)
        if output:
            self.tail.append(output["line"])
        elif counted:
            self.counted.add(number)
            self.step = text
        elif text == "CACHED":
            if number in self.counted:
                self.cached.add(number)
        elif text.startswith("exporting"):
            self.step = "exporting"
        elif not ENDED.match(text) and not self.step:
            self.step = text

    def summary(self) -> str:
        """Tell how much came from the cache: `5 of 7 steps cached`."""
        return f"{len(self.cached)} of {len(self.counted)} steps cached"


def fed(lines: Iterable[str]) -> Progress:
    """Give the state after these lines."""
    progress = Progress()
    for line in lines:
        progress.feed(line)
    return progress
