"""What a run has come to, on disk: so that a backend that ends the process fails one test and not the whole run.

Every test's beginning and reports are written down as they come. A run that is started again with the same journal
tells what is in it as if it had happened now, fails the test in which the process died, and goes on after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


class Journal:
    """The pytest plugin. `path` is a file of JSON lines; it need not exist yet."""

    def __init__(self, path: Path, config: pytest.Config) -> None:
        self._path, self._config = path, config
        self._past: dict[str, list[Mapping[str, Any]]] = {}
        self._deaths: dict[str, str] = {}
        for line in read(path):
            if "start" in line:
                self._past.setdefault(line["start"], [])
            elif "report" in line:
                self._past.setdefault(line["report"]["nodeid"], []).append(line["report"])
            else:
                self._deaths[line["died"]] = line["how"]
        self._retelling = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Retell a test that the journal knows instead of running it."""
        if item.nodeid not in self._past:
            return None
        self._retelling = True
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if item.nodeid in self._deaths:
            item.ihook.pytest_runtest_logreport(report=_death(item, self._deaths[item.nodeid]))
        else:
            for data in self._past[item.nodeid]:
                report = self._config.hook.pytest_report_from_serializable(config=self._config, data=dict(data))
                if isinstance(report.longrepr, list):  # a skip's place and reason, which JSON has no tuple for
                    report.longrepr = tuple(report.longrepr)
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._retelling = False
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._write({"start": nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a test has ended."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._write({"report": data})

    def _write(self, line: Mapping[str, Any]) -> None:
        if not self._retelling:
            write(self._path, line)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines so far; the last one may have been cut short."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    parsed = []
    for line in lines:
        try:
            parsed.append(json.loads(line))
        except ValueError:
            continue
    return parsed


def write(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, default=str) + "\n")


def unfinished(path: Path) -> str | None:
    """The test that was running when the last line was written; None between tests."""
    running = None
    for line in read(path):
        if "start" in line:
            running = line["start"]
        elif line.get("died") == running or line.get("report", {}).get("when") == "teardown":
            running = None
    return running


def _death(item: pytest.Item, how: str) -> pytest.TestReport:
    """The report of a test in which the process ended, known to do so or not."""
    known = next((mark.kwargs["reason"] for mark in item.iter_markers("xfail") if "reason" in mark.kwargs), None)
    keywords: Any = dict.fromkeys(item.keywords, 1)
    outcome: Any = "failed" if known is None else "skipped"
    report = pytest.TestReport(item.nodeid, item.location, keywords, outcome, how, "call")
    if known is not None:
        report.wasxfail = known
    return report
