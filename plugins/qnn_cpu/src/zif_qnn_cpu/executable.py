"""A segment that runs in an ONNX Runtime session, with as little between the caller and the engine as there can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zif.errors import ZifError

from zif_qnn_cpu.values import FOREIGN, from_ort, to_ort

if TYPE_CHECKING:
    import onnxruntime
    from zif import Arrays, Compiled
    from zif.records import BoundRun

Values = Mapping[str, Any]


class CpuSession:
    """One segment. Runs from several threads go through one session, which ONNX Runtime allows."""

    def __init__(self, session: onnxruntime.InferenceSession, compiled: Compiled, notes: tuple[str, ...] = ()) -> None:
        self.notes = notes
        self._infos = {info.name: info for info in (*compiled.inputs, *compiled.outputs)}
        self._names = [output.name for output in session.get_outputs()]
        # The engine's own object below the Python wrapper: the wrapper checks again what zif has checked before.
        self._native: Any = session._sess
        foreign = any(info.dtype in FOREIGN for info in self._infos.values())
        self._call: Callable[[Values], list[Any]] = self._run_foreign if foreign else self._run_plain

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """The outputs by name, for inputs by name: fresh arrays, lists of arrays, maps, or None."""
        return dict(zip(self._names, self._call(inputs), strict=True))

    def bind(self, inputs: Arrays, outputs: Arrays) -> BoundRun:
        """A run that reads `inputs` and writes `outputs` where they are."""
        from zif_qnn_cpu.binding import bound

        return bound(self._native, self._infos, self._names, inputs, outputs, self.run)

    def close(self) -> None:
        """Let go of the session; a run that is under way ends first."""
        self._native = None
        self._call = _closed

    def _run_plain(self, inputs: Values) -> list[Any]:
        outputs: list[Any] = self._native.run(self._names, inputs, None)
        return outputs

    def _run_foreign(self, inputs: Values) -> list[Any]:
        values = {name: to_ort(value) for name, value in inputs.items()}
        return [from_ort(value) for value in self._native.run_with_ort_values(values, self._names, None)]


def _closed(_: Values) -> list[Any]:
    raise ZifError("the session is closed")
