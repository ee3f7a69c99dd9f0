"""A page in a headless Chromium, driven over the DevTools protocol by a pipe: no driver and no network."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

#: For a page that is to be read: slow, and only where there is a browser.
NEEDS = (
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
)
#: `faint(selector)`: texts that do not stand out at least 4.5 to 1 from what is behind them, as WCAG 2.2 has it for
#: level AA (success criterion 1.4.3).
FAINT = """
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => channels(colour).slice(0, 3).map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const solid = colour => { const [, , , alpha] = channels(colour); return alpha === undefined || alpha === 1; };
  const behind = element => {
    for (let outer = element; outer; outer = outer.parentElement) {
      const colour = getComputedStyle(outer).backgroundColor;
      if (solid(colour)) return colour;
    }
  };
  const faint = selector => {
    const texts = [...document.querySelectorAll(selector)]
      .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
    return texts.map(element => {
      const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
      return [element.tagName, element.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    }).filter(([, , ratio]) => ratio < 4.5);
  };
"""


def opened(folder: Path) -> Iterator[Page]:
    """The body of a fixture: a tab, closed at its end."""
    page = Page(folder)
    yield page
    page.close()


class Page:
    """One tab. `told` collects what the page writes to its console, and errors that nobody caught."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        # The browser reads commands from descriptor 3 and writes to 4.
        self._ends = [_high(end) for end in (*os.pipe(), *os.pipe())]
        theirs, mine, self._answers, write = self._ends
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            command,
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(theirs, 3), os.dup2(write, 4)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(write)
        self._commands, self._rest, self._number, self._session = mine, b"", 0, ""
        self.told: list[str] = []
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._do(f"{domain}.enable")
        self.requests: list[str] = []

    def open(self, path: Path, width: int = 1280, dark: bool = False) -> None:
        """Load a file and wait for its `load` event."""
        mobile = width < 600
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._do("Emulation.setEmulatedMedia", features=theme)
        self._do("Page.navigate", url=path.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def look(self, path: Path, text: str, probe: str, width: int = 1280, dark: bool = False) -> Any:
        """Open a page, written to `path`, and run a probe in it; fails on a line in the console, and on a request."""
        path.write_text(text, encoding="utf-8")
        self.told.clear()
        self.requests.clear()
        self.open(path, width, dark)
        answer = self.run(probe)
        assert self.told == []
        assert self.requests == [path.as_uri()]
        return answer

    def run(self, body: str) -> Any:
        """What the body of an async function returns in the page."""
        helpers = "const wait = ms => new Promise(done => setTimeout(done, ms));"
        code = f"(async () => {{{helpers}{body}}})()"
        found = self._do("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._commands, self._answers):
            os.close(end)

    def _do(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser has gone"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.consoleAPICalled":
            self.told.append(" ".join(str(part.get("value")) for part in event["args"]))
        elif method == "Runtime.exceptionThrown":
            self.told.append(event["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.told.append(event["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])


def _high(end: int) -> int:
    """The same end of a pipe under a number that is out of the way of 3 and 4."""
    copy = fcntl.fcntl(end, fcntl.F_DUPFD, 10)
    os.close(end)
    return copy
