"""How every test of a run ended, in four words, as a record that tools can read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field

from zif.files.wording import json_text
from zif.files.writing import write_whole

if TYPE_CHECKING:
    from zif.testing.subject import Subject

SCHEMA = "zif.check/1"


@define
class Record:
    """One run of the kit on one backend. `tests` maps a test's id to its outcome and, if any, the reason.

    sample: at most so many of ONNX's node tests of an operator were run; 0: all of them.
    """

    backend: str
    target: str
    distribution: str = ""
    version: str = ""
    kind: str = ""
    toolchain: str = ""
    available: bool = True
    reason: str = ""
    sample: int = 0
    tests: dict[str, dict[str, str]] = field(factory=dict)
    observed: list[Any] = field(factory=list)
    stale: list[str] = field(factory=list)

    def describe(self, subject: Subject) -> None:
        """Note who was tested."""
        self.distribution, self.version = subject.backend.distribution, subject.backend.version
        general = subject.general
        self.kind, self.toolchain = general.kind, general.toolchain
        self.available, self.reason = general.available, general.reason

    def add(self, test: str, outcome: str, reason: str) -> None:
        """Note how one test ended."""
        self.tests[test] = {"outcome": outcome, **({"reason": reason} if reason else {})}

    def counts(self) -> dict[str, int]:
        """How many tests ended in each way."""
        return dict(Counter(test["outcome"] for test in self.tests.values()))

    def sentence(self) -> str:
        """One line for people."""
        who = f"backend: {self.backend} ({self.distribution} {self.version})" if self.distribution else self.backend
        state = self.kind if self.available else f"unavailable: {self.reason}"
        counts = ", ".join(f"{number} {word}" for word, number in sorted(self.counts().items()))
        return f"{who}, {state}: {counts or 'no tests'}"

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        document = {"schema": SCHEMA, **asdict(self), "counts": self.counts()}
        write_whole(path, json_text(document, indent=1) + "\n")


def word_of(report: Any) -> tuple[str, str]:
    """The outcome of a pytest report in the kit's words, and its reason."""
    if report.outcome == "skipped":
        if hasattr(report, "wasxfail"):
            return "known failure", str(report.wasxfail)
        text = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = text.removeprefix("Skipped: ")
        word = next((word for word in ("not claimed", "unavailable") if reason.startswith(word)), "skipped")
        return word, reason.removeprefix(f"{word}: ")
    if report.outcome == "failed":
        return "failed", str(getattr(report.longrepr, "reprcrash", None) or report.longrepr)[:2000]
    return "passed", ""
