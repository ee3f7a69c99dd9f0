"""A segment that runs in an ONNX Runtime session, with as little between the caller and the engine as there can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zif import StageFailed, ZifError

from zif_qnn_cpu.failures import of_running
from zif_qnn_cpu.values import FOREIGN, from_ort, to_ort

if TYPE_CHECKING:
    from zif import Arrays, Compiled
    from zif.plugin import BoundRun

    from zif_qnn_cpu.sessions import Opened

Values = Mapping[str, Any]


class CpuSession:
    """One segment. Runs from several threads go through one session, which ONNX Runtime allows."""

    def __init__(self, opened: Opened, compiled: Compiled) -> None:
        self.notes = opened.notes
        self._opened: Opened | None = opened
        self._infos = {info.name: info for info in (*compiled.inputs, *compiled.outputs)}
        self._names = [output.name for output in opened.session.get_outputs()]
        # The engine's own object below the Python wrapper: the wrapper checks again what zif has checked before.
        self._native: Any = opened.session._sess
        foreign = next((info for info in self._infos.values() if info.dtype in FOREIGN), None)
        self._call: Callable[[list[str], Values, None], list[Any]] = self._run_foreign if foreign else self._native.run
        odd = next((info for info in compiled.inputs if info.dtype in ("", "string")), None)
        if foreign and odd:
            raise StageFailed(
                f"{odd.name!r} ({odd.type}) cannot be handed to ONNX Runtime from Python beside {foreign.name!r} "
                f"({foreign.type}): pin the unit that reads one of them to another backend"
            )

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """The outputs by name, for inputs by name: fresh arrays, lists of arrays, maps, or None.

        Raises InvalidInput for values that an operator cannot take, such as an index beyond its table or a division by
        zero: what ONNX Runtime refuses while it runs is a matter of the arrays, since the model has loaded. Whose they
        are, the session knows.
        """
        try:
            made = self._call(self._names, inputs, None)
            if len(made) == 1:  # a quarter of what Python costs here
                return {self._names[0]: made[0]}
            return dict(zip(self._names, made))  # noqa: B905 - as many, and this is hot
        except Exception as error:
            if (refusal := of_running(error)) is None:
                raise
            raise refusal from error

    def bind(self, inputs: Arrays, outputs: Arrays) -> BoundRun:
        """A run that reads `inputs` and writes `outputs` where they are."""
        from zif_qnn_cpu.binding import bound

        return bound(self._native, self._infos, self._names, inputs, outputs, self.run, self._opened)

    def close(self) -> None:
        """Let go of the session; a run that is under way ends first."""
        self._call = _closed
        self._native = self._opened = None

    def _run_foreign(self, names: list[str], inputs: Values, _: None) -> list[Any]:
        values = {name: to_ort(value) for name, value in inputs.items()}
        return [from_ort(value) for value in self._native.run_with_ort_values(values, names, None)]


def _closed(*_: Any) -> list[Any]:
    raise ZifError("the session is closed: load the model again")
