"""What a step raised, as an error that says which segment failed and whose fault it is."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from zif.backends.blame import reason
from zif.errors import BackendCrashed, EngineRefused, InvalidInput, OutOfMemory, StageFailed, ValuesRefused, ZifError

if TYPE_CHECKING:
    from zif.runtime.session.step import Step

#: What a stage may fail with without anything being broken.
_TYPED = (OutOfMemory, EngineRefused, ValuesRefused)


def named(step: Step, error: BaseException, inputs: Set[str]) -> ZifError:
    """The error with its segment; inputs: the names of what the caller hands in.

    InvalidInput is for arrays that the caller handed in: what other segments made is none of the caller's.
    """
    if isinstance(error, BackendCrashed):
        return BackendCrashed(f"segment {step.segment.id}: {error}", error.log)
    if isinstance(error, MemoryError):
        return OutOfMemory(f"{step.who} failed to run: {reason(error)}")
    if isinstance(error, StageFailed):
        kind = next((kind for kind in _TYPED if isinstance(error, kind)), StageFailed)
        return kind(f"segment {step.segment.id}: {error}")
    if isinstance(error, InvalidInput) and not inputs >= set(step.inputs):
        return ValuesRefused(f"{step.who} failed to run on what other segments made: {error}")
    return error if isinstance(error, ZifError) else StageFailed(f"{step.who} failed to run: {reason(error)}")
