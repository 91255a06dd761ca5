"""What BuildKit's plain progress tells: the current step, how many came from the cache, the end."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

STEP = re.compile(r"#(?P<number>\d+) (?P<text>.*)")
# [builder 2/7] RUN pip install …   or   [2/7] COPY . .
# Numbers are padded, and other platforms named: [ 2/10] RUN …   [linux/arm64 builder 2/7] RUN …
COUNTED = re.compile(r"\[[^\]]*?\d+/\d+\] .*")
OUTPUT = re.compile(r"\d+\.\d+ (?P<line>.*)")
ENDED = re.compile(r"(?:DONE|CACHED|CANCELED|ERROR)\b")
TAIL = 20  # lines that are shown of a build that failed


@dataclass
class Progress:
    """The state of one build, fed line by line.

    A step counts once, as it went the first time: the stage `builder` is built after the image,
    and then all of it comes from the cache.
    """

    step: str = ""
    cached: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
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
        if output:
            self.tail.append(output["line"])
        elif COUNTED.fullmatch(text):
            self.numbers[number] = self.step = text
            self.counted.add(text)
        elif ENDED.match(text):
            self._end(self.numbers.pop(number, ""), text)
        elif text.startswith("exporting"):
            self.step = "exporting"
        elif not self.step:
            self.step = text

    def _end(self, step: str, how: str) -> None:
        """Note how a counted step went, if it had not ended before."""
        if step and step not in self.ended:
            self.ended.add(step)
            if how == "CACHED":
                self.cached.add(step)

    def summary(self) -> str:
        """Tell how much came from the cache: `5 of 7 steps cached`."""
        return f"{len(self.cached)} of {len(self.counted)} steps cached"
