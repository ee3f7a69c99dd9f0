"""Memory between segments: buffers that maker and readers share, laid out once, reused by one run at a time.

A tensor is bound when its size is fixed and every segment that makes or reads it can work on a buffer of core's
(`SupportsBinding`). A graph output never is: what the caller gets must not be overwritten by the next run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from zif.backends.blame import blaming
from zif.errors import ZifError
from zif.model.dtypes import numpy_dtype
from zif.records import SupportsBinding, TensorInfo

if TYPE_CHECKING:
    from zif.runtime.session.step import Step

#: Alignment of every buffer in bytes: a cache line, and what vector units like.
ALIGN = 64


@frozen(eq=False)
class Frame:
    """One run's worth of buffers: a callable per step that takes its free inputs and gives its free outputs."""

    calls: tuple[Callable[[Mapping[str, Any]], Mapping[str, Any]], ...]


class Frames:
    """The frames of a session; more are made when runs overlap."""

    def __init__(self, steps: Sequence[Step], tensors: Mapping[str, TensorInfo], outputs: Sequence[str]) -> None:
        self._steps = steps
        self._infos = {name: tensors[name] for name in bindable(steps, tensors, outputs)}
        self._free: list[Frame] = []
        self._lock = threading.Lock()

    @property
    def bound(self) -> frozenset[str]:
        """Names of the tensors that stay in shared buffers."""
        return frozenset(self._infos)

    def take(self) -> Frame:
        """A frame that nobody else uses until it is given back. A frame that saw an error is not given back."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._make()

    def give(self, frame: Frame) -> None:
        """Give a frame back for the next run."""
        with self._lock:
            self._free.append(frame)

    def clear(self) -> None:
        """Let go of every buffer."""
        with self._lock:
            self._free.clear()

    def _make(self) -> Frame:
        buffers = allocate(self._steps, self._infos)
        return Frame(tuple(self._call(step, buffers) for step in self._steps))

    def _call(self, step: Step, buffers: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        reads = {name: buffers[name] for name in step.inputs if name in buffers}
        writes = {name: buffers[name] for name in step.outputs if name in buffers}
        if not (reads or writes):
            return step.executable.run
        executable = step.executable
        assert isinstance(executable, SupportsBinding)  # `bindable` saw to it
        try:
            with blaming(step.who, "bind"):
                return executable.bind(reads, writes)
        except ZifError as error:
            return partial(_failing, error)


def _failing(error: ZifError, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What cannot be bound cannot be run: the step fails in its turn, and may be moved as any that does."""
    raise error


def bindable(steps: Sequence[Step], tensors: Mapping[str, TensorInfo], outputs: Sequence[str]) -> list[str]:
    """The tensors between steps that can live in shared buffers."""
    touching: dict[str, list[Any]] = {}
    made = {name for step in steps for name in step.outputs}
    for step in steps:
        for name in (*step.inputs, *step.outputs):
            touching.setdefault(name, []).append(step.executable)
    return [
        name
        for name, users in touching.items()
        if name in made
        and name not in outputs
        and len(users) > 1
        and _fixed(tensors.get(name))
        and all(isinstance(user, SupportsBinding) for user in users)
    ]


def _fixed(info: TensorInfo | None) -> bool:
    return info is not None and info.static and info.dtype not in ("", "string") and bool(info.elements)


def allocate(steps: Sequence[Step], infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    """An array per tensor. Tensors that are never alive together share memory: first fit by last use, largest kept."""
    last = {name: number for number, step in enumerate(steps) for name in step.inputs if name in infos}
    arrays: dict[str, Any] = {}
    free: list[np.ndarray[Any, Any]] = []
    owner: dict[str, np.ndarray[Any, Any]] = {}
    for number, step in enumerate(steps):
        for name in step.outputs:
            if name in infos:
                owner[name] = _block(free, _size(infos[name]))
                arrays[name] = _view(owner[name], infos[name])
        done = [name for name in owner if last.get(name, number) <= number]
        free.extend(owner.pop(name) for name in done)
    return arrays


def _size(info: TensorInfo) -> int:
    return int(numpy_dtype(info.dtype).itemsize) * int(info.elements or 0)


def _block(free: list[np.ndarray[Any, Any]], size: int) -> np.ndarray[Any, Any]:
    fitting = [block for block in free if block.nbytes >= size]
    if fitting:
        best = min(fitting, key=lambda block: block.nbytes)
        free[:] = [block for block in free if block is not best]
        return best
    raw = np.empty(size + ALIGN, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGN
    return raw[start : start + size]


def _view(block: np.ndarray[Any, Any], info: TensorInfo) -> np.ndarray[Any, Any]:
    shape = tuple(dim for dim in info.shape or () if isinstance(dim, int))
    return block[: _size(info)].view(numpy_dtype(info.dtype)).reshape(shape)
