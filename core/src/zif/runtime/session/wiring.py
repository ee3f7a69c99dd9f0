"""How a session's steps hang together, worked out once: what is bound, what is handed on, what is dropped when.

Immutable, so that a fault can replace it in one assignment while other threads still run on the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from attrs import frozen

from zif.records import TensorInfo
from zif.runtime.session.frames import Frames
from zif.runtime.session.step import Step


@frozen(eq=False)
class Wiring:
    """The steps and what was worked out about them.

    free: the values that each step is handed (those that are not bound). drop: the values that nobody needs after it.
    direct: the whole session as one call, when there is just one segment.
    """

    steps: tuple[Step, ...]
    frames: Frames
    free: tuple[tuple[str, ...], ...]
    drop: tuple[tuple[str, ...], ...]
    direct: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None

    @classmethod
    def of(
        cls, steps: Sequence[Step], tensors: Mapping[str, TensorInfo], inputs: Collection[str], outputs: tuple[str, ...]
    ) -> Wiring:
        """Wire the steps of a session with these graph inputs and outputs."""
        frames = Frames(steps, tensors, outputs)
        free = tuple(tuple(name for name in step.inputs if name not in frames.bound) for step in steps)
        # A graph input that no unit reads is none of the segment's: then the values are picked on every run.
        alone = len(steps) == 1 and steps[0].outputs == outputs and set(inputs) <= set(steps[0].inputs)
        direct = steps[0].executable.run if alone else None
        return cls(tuple(steps), frames, free, _last_uses(free, outputs), direct)


def _last_uses(inputs: Sequence[Sequence[str]], outputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    last: dict[str, int] = {}
    for number, names in enumerate(inputs):
        last.update(dict.fromkeys(names, number))
    drops: list[list[str]] = [[] for _ in inputs]
    for name, number in last.items():
        if name not in outputs:
            drops[number].append(name)
    return tuple(map(tuple, drops))
