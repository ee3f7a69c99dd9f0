"""How a session's steps hang together, worked out once: what is bound, what is handed on, what is dropped when.

Immutable, so that a fault can replace it in one assignment while other threads still run on the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from zif.records import TensorInfo
from zif.runtime.session.frames import Frames
from zif.runtime.session.outputs import Outputs
from zif.runtime.session.quick import Check
from zif.runtime.session.step import Step


@frozen(eq=False)
class Wiring:
    """The steps and what was worked out about them.

    free: the values that each step is handed (those that are not bound). drop: the values that nobody needs after it.
    checks: what each step hands over, held against the plan (see `Outputs`); None where all of it is bound. direct: the
    whole session as one call with its check, when there is just one segment. resting: the steps are not loaded.
    """

    steps: tuple[Step, ...]
    frames: Frames
    free: tuple[tuple[str, ...], ...]
    drop: tuple[tuple[str, ...], ...]
    direct: tuple[Callable[[Mapping[str, Any]], Mapping[str, Any]], Check] | None
    checks: tuple[Check | None, ...]
    resting: bool = False

    @classmethod
    def of(
        cls,
        steps: Sequence[Step],
        tensors: Mapping[str, TensorInfo],
        inputs: Collection[str],
        outputs: tuple[str, ...],
        tell: Callable[[Step, str], None],
    ) -> Wiring:
        """Wire the steps of a session with these graph inputs and outputs. tell: what a user should know of a run."""
        frames = Frames(steps, tensors, outputs)
        free = tuple(tuple(name for name in step.inputs if name not in frames.bound) for step in steps)
        # A graph input that no unit reads is none of the segment's: then the values are picked on every run.
        alone = len(steps) == 1 and steps[0].outputs == outputs and set(inputs) <= set(steps[0].inputs)
        checks = tuple(
            check_of(step, tensors, frames.bound, outputs, partial(tell, step))
            if set(step.outputs) - frames.bound
            else None
            for step in steps
        )
        direct = (steps[0].executable.run, checks[0]) if alone and checks[0] else None
        return cls(tuple(steps), frames, free, _last_uses(free, outputs), direct, checks)


def check_of(
    step: Step,
    tensors: Mapping[str, TensorInfo],
    bound: Collection[str],
    own: Collection[str],
    tell: Callable[[str], None] | None = None,
) -> Check:
    """The check of what a step hands over: all its outputs but those that are bound. own: what leaves the session."""
    names = [name for name in step.outputs if name not in bound]
    return Outputs(step, names, tensors, own, tell).check


def _last_uses(inputs: Sequence[Sequence[str]], outputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    last: dict[str, int] = {}
    for number, names in enumerate(inputs):
        last.update(dict.fromkeys(names, number))
    drops: list[list[str]] = [[] for _ in inputs]
    for name, number in last.items():
        if name not in outputs:
            drops[number].append(name)
    return tuple(map(tuple, drops))
