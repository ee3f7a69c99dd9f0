"""Which units make a segment wrong: the smallest window that is wrong by itself, found by compiling pieces of it.

Pieces are fed what is right at their border, so that one is wrong only when the fault lies within. The shortest prefix
that is wrong ends in the window's last unit, the latest start from which it still is wrong gives its first. The last
unit leaves; what follows it is searched in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from zif.runtime.verification.record import TensorCheck

#: Held against a judge: the rows of a piece of these units; and whether they make it wrong.
Trial = Callable[[Sequence[str]], tuple[bool, TensorCheck | None]]


@frozen
class Culprit:
    """The unit that has to leave, the window in which it is wrong, and the figures of that window's worst output."""

    unit: str
    window: tuple[str, ...]
    worst: TensorCheck | None


def culprits(units: Sequence[str], trial: Trial) -> list[Culprit]:
    """The units of a wrong segment that have to leave it, in topological order; at least one."""
    left = list(units)
    leaving: list[Culprit] = []
    while left and (not leaving or trial(left)[0]):
        end, culprit = _first(left, trial)
        leaving.append(culprit)
        left = left[end:]
    return leaving


def _first(units: Sequence[str], trial: Trial) -> tuple[int, Culprit]:
    """The first culprit, and the position after it."""
    end = _shortest(len(units), lambda count: trial(units[:count])[0])
    start = end - _shortest(end, lambda count: trial(units[end - count : end])[0])
    window = tuple(units[start:end])
    return end, Culprit(window[-1], window, trial(window)[1])


def _shortest(most: int, wrong: Callable[[int], bool]) -> int:
    """The least count for which `wrong` holds, by halving; `most` when no smaller one does."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if wrong(middle):
            high = middle
        else:
            low = middle + 1
    return low
