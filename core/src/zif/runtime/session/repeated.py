"""Running a session on the same inputs several times, and what each run took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from zif.runtime.session.events import Timing
    from zif.runtime.session.session import Session


@frozen
class Outcome:
    """The outputs of the last run, and the milliseconds of every run: as a whole and by segment."""

    outputs: Mapping[str, Any]
    total_ms: tuple[float, ...]
    timings: tuple[tuple[Timing, ...], ...]


def repeated(
    session: Session, inputs: Mapping[str, Any], times: int, tick: Callable[[], None] | None = None
) -> Outcome:
    """Run `times` times on the same inputs; `tick` is called after each. Raises what `session.run` raises."""
    totals: list[float] = []
    timings: list[tuple[Timing, ...]] = []
    outputs: Mapping[str, Any] = {}
    for _ in range(times):
        trace: list[Timing] = []
        begun = perf_counter()
        outputs = session.run(inputs, trace=trace)
        totals.append((perf_counter() - begun) * 1e3)
        timings.append(tuple(trace))
        if tick:
            tick()
    return Outcome(outputs, tuple(totals), tuple(timings))
