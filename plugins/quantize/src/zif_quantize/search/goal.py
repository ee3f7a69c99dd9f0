"""What a search for precisions must reach: a signal-to-noise ratio, the number of a user's function, or both."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from zif import Goal, UsageError


@frozen
class AccuracyGoal:
    """Bounds that must all be met: `sqnr_db` by the worst float output, `metric` by the user's function."""

    sqnr_db: float | None = None
    metric: Goal | None = None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AccuracyGoal:
        """From "SQNR=35" and "metric=0.9" ("metric<=0.1": at most). Raises UsageError."""
        sqnr, metric = None, None
        for text in texts:
            name, sign, rest = _split(text)
            if name == "sqnr" and sqnr is None and sign != "<=":
                sqnr = _ratio(text, rest)
            elif name == "metric" and metric is None:
                metric = Goal.parse(sign + rest)
            else:
                raise UsageError(f"--accuracy-goal {text}: write SQNR=35 (dB), metric=0.9, or metric<=0.1, each once")
        if sqnr is None and metric is None:
            raise UsageError("an accuracy goal is SQNR=35 (dB), metric=0.9, or both")
        return cls(sqnr, metric)

    def met(self, sqnr_db: float, metric: float | None) -> bool:
        """Whether both bounds are reached."""
        enough = self.sqnr_db is None or sqnr_db >= self.sqnr_db
        return enough and (self.metric is None or (metric is not None and self.metric.met(metric)))

    def __str__(self) -> str:
        goals = [] if self.sqnr_db is None else [f"SQNR of at least {self.sqnr_db:g} dB"]
        return " and ".join(goals + ([] if self.metric is None else [f"a metric of {self.metric}"]))


def _ratio(text: str, number: str) -> float:
    try:
        return Goal.parse(number).value
    except UsageError:
        raise UsageError(f"--accuracy-goal {text}: write a number of dB alone, such as SQNR=35") from None


def _split(text: str) -> tuple[str, str, str]:
    for sign in ("<=", ">=", "="):
        name, separator, rest = text.partition(sign)
        if separator:
            return name.strip().lower(), "" if sign == "=" else sign, rest
    return text, "", ""
