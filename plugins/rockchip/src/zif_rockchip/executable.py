"""What a session runs: arrays by the model's names, in and out, whoever computes between."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from zif import BackendBroken, InvalidInput, UsageError
from zif.plugin import numpy_dtype

if TYPE_CHECKING:
    from zif import Arrays, Compiled
    from zif.plugin import Array

    from zif_rockchip.segment import Segment


class Engine(Protocol):
    """Whoever computes: arrays in the order of the graph's inputs, outputs in theirs."""

    def compute(self, arrays: list[Array]) -> Sequence[Array]: ...

    def close(self) -> None: ...


class RknnExecutable:
    """A segment that is ready to run. Safe to call from several threads; the engine runs one after the other."""

    def __init__(self, engine: Engine, compiled: Compiled, segment: Segment, notes: tuple[str, ...] = ()) -> None:
        self._engine: Engine | None = engine
        self._inputs, self._outputs = segment.inputs, segment.outputs
        self._wanted = {info.name: info for info in compiled.outputs}
        self._lock = threading.Lock()
        self.notes = notes

    def run(self, inputs: Arrays) -> Arrays:
        """Compute every output. Raises InvalidInput for an input that is missing, StageFailed when the engine fails."""
        missing = [name for name in self._inputs if name not in inputs]
        if missing:
            raise InvalidInput(f"input {missing[0]!r} is missing; needed are {', '.join(self._inputs)}")
        with self._lock:
            if self._engine is None:
                raise UsageError("the segment on rknn is closed: load it again")
            # The engine's own code writes to what it is handed.
            made = self._engine.compute([np.array(inputs[name], order="C") for name in self._inputs])
        if len(made) != len(self._outputs):
            raise BackendBroken(f"rknn-toolkit2 gave {len(made)} outputs, not {len(self._outputs)}")
        return {name: self._fitted(name, value) for name, value in zip(self._outputs, made, strict=True)}

    def _fitted(self, name: str, value: Array) -> Array:
        """In the model's own type: the toolkit gives float32 for float16, and one element for a scalar."""
        info = self._wanted[name]
        array = np.array(value, dtype=numpy_dtype(info.dtype), order="C", copy=True)
        return array.reshape(()) if info.shape == () and array.size == 1 else array

    def close(self) -> None:
        """Give back what the engine holds. May be called twice."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
