"""What a zoo entry is: a real model, a real input, and what a person expects to read out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Arrays = Mapping[str, Any]
Run = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Entry:
    """One model with one real feed.

    `locate` fetches the file on first use and may raise ZooUnavailable. `shapes` fixes free dimensions the way a user
    of the model would. `check` turns the outputs of a run on `inputs()` into words or into a figure. `task` is for
    models that need more than one run (a state goes round): it gets a function that runs the model and gives words or a
    figure of merit; without it, the task is one run and `check`. `expected` is the words that the task must give, or
    the least figure that is good.
    """

    name: str
    locate: Callable[[], Path]
    inputs: Callable[[], Arrays]
    check: Callable[[Arrays], str | float]
    expected: str | float
    licence: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    task: Callable[[Run], str | float] | None = None
    slow: bool = False

    @property
    def path(self) -> Path:
        """The model's file, fetched or made first if need be."""
        return self.locate()

    def answer(self, run: Run) -> str | float:
        """Do the model's task with `run` (inputs by name → outputs by name)."""
        return self.task(run) if self.task else self.check(run(self.inputs()))

    def good(self, answer: str | float) -> bool:
        """Whether `answer` is what a person expects."""
        if isinstance(self.expected, str):
            return answer == self.expected
        return isinstance(answer, float) and answer >= self.expected
