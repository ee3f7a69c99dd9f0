"""IOBinding: inputs and outputs that are named once and used in many runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np

from zif.errors import InvalidInput
from zif.model.dtypes import element_dtype
from zif.runtime.dropin.values import OrtValue, at_address, on_host


class IOBinding:
    """What one session reads and writes. An output without memory of the caller's gets a new array in each run."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known = {arg.name for arg in (*session.get_inputs(), *session.get_overridable_initializers())}
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._made: dict[str, Any] = {}
        self._call: Callable[[], Mapping[str, Any]] | None = None

    def bind_cpu_input(self, name: str, arr_on_cpu: Any) -> None:
        """Read this array in every run. Raises RuntimeError for a name that the model does not have."""
        self._input(name, arr_on_cpu)

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,  # noqa: ARG002 - there is one host memory
        element_type: Any,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        """Read what lies at this address: the caller keeps the memory. Raises RuntimeError."""
        on_host(device_type)
        self._input(name, at_address(buffer_ptr, _dtype(element_type), shape))

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        """Read this value in every run. Raises RuntimeError."""
        self._input(name, ortvalue.numpy())

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,  # noqa: ARG002 - there is one host memory
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """Ask for this output; with an address, it is written there."""
        on_host(device_type)
        address = None
        if buffer_ptr is not None and shape is not None:
            address = at_address(buffer_ptr, _dtype(element_type), shape)
        self._output(name, address)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        """Write this output into the value's memory."""
        self._output(name, ortvalue.numpy())

    def synchronize_inputs(self) -> None:
        """Host memory is always there."""

    def synchronize_outputs(self) -> None:
        """Host memory is always there."""

    def get_outputs(self) -> list[OrtValue]:
        """The outputs of the last run, in the order in which they were bound."""
        return [OrtValue(self._made[name]) for name in self._outputs if name in self._made]

    def get_outputs_as_ortvaluevector(self) -> list[OrtValue]:
        """The same."""
        return self.get_outputs()

    def copy_outputs_to_cpu(self) -> list[Any]:
        """The outputs of the last run as arrays."""
        return [self._made[name] for name in self._outputs if name in self._made]

    def clear_binding_inputs(self) -> None:
        """Forget the inputs."""
        self._inputs.clear()
        self._call = None

    def clear_binding_outputs(self) -> None:
        """Forget the outputs."""
        self._outputs.clear()
        self._made.clear()
        self._call = None

    def run(self) -> None:
        """One run of the session on what is bound. Raises ZifError subclasses."""
        if self._call is None or self._session._stale:
            self._session._ready()
            self._call = self._whole()
        self._made = dict(self._call())

    def _whole(self) -> Callable[[], Mapping[str, Any]]:
        """Bound once where every output has memory of the caller's; else a run with new arrays for the others."""
        session, arrays = self._session, {name: output for name, output in self._outputs.items() if output is not None}
        fed = session._fed(self._inputs)
        if session._shaped is None and arrays.keys() == set(session._names):
            with suppress(InvalidInput):  # what must be converted or copied is not bound
                return cast(Callable[[], Mapping[str, Any]], session.zif_session.bind(fed, arrays))
        return lambda: session._run(fed, outputs=arrays)

    def _input(self, name: str, value: Any) -> None:
        if name not in self._known:
            raise RuntimeError(f"Failed to find NodeArg with name: {name} in the def list")
        self._inputs[name] = value
        self._call = None

    def _output(self, name: str, wished: Any) -> None:
        self._outputs[name] = wished
        self._call = None


def _dtype(element_type: Any) -> np.dtype[Any]:
    return element_dtype(element_type) if isinstance(element_type, int) else np.dtype(element_type)
