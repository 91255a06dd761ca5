"""Debian's chromium, started as the user's browser, and what the page that it opened shows."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import websocket
from processes import wait_until

# It notes what it was told to open; `$1` is the page.
BROWSER = """\
#!/bin/sh
stat -c %a "$1" >"{folder}/mode"
cp "$1" "{folder}/page.html"
echo "$1" >"{folder}/path"
exec chromium --headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-port=0 \
  --user-data-dir="{folder}/profile" "$1" 2>/dev/null
"""


@dataclass(frozen=True)
class Browser:
    """A browser of the test's own, with its files below a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.program.write_text(BROWSER.format(folder=self.folder))
        self.program.chmod(0o755)

    @property
    def program(self) -> Path:
        """The program that opens a page."""
        return self.folder / "browser"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a user who has it, before a screen."""
        return {"BROWSER": str(self.program), "DISPLAY": ":99"}

    def told(self, file: str) -> str:
        """Wait until it was told to open a page, and give what it noted of that."""
        wait_until("a page is opened", (self.folder / "path").exists)
        return (self.folder / file).read_text().strip()

    def wait_for(self, expression: str) -> str:
        """Wait until a JavaScript expression gives something on the page, and give that."""
        return wait_until(f"the page has {expression}", lambda: self._evaluate(expression))

    def _evaluate(self, expression: str) -> str:
        try:
            page = self._page()
            line = websocket.create_connection(page, suppress_origin=True, timeout=10)
        except (OSError, LookupError, ValueError, websocket.WebSocketException):
            return ""
        with contextlib.closing(line):
            question = {"expression": expression, "returnByValue": True}
            line.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": question}))
            answer = json.loads(line.recv())
        return str(answer["result"]["result"].get("value") or "")

    def _page(self) -> str:
        """Give the address at which a debugger talks with the page."""
        port = (self.folder / "profile/DevToolsActivePort").read_text().splitlines()[0]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
                found = json.load(answer)
        except urllib.error.URLError as error:
            raise LookupError from error
        (page,) = [one for one in found if one["type"] == "page"]
        return str(page["webSocketDebuggerUrl"])
