"""A segment that is open and ready to run: on libQnnGpu where this machine has the GPU, else in the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zif import BackendUnavailable, ZifError
from zif.plugin import laid_out
from zif_qnn_runtime import Profile, ProviderOptions, explain, open_session, status, unit_times

from zif_qnn_gpu.half import halved
from zif_qnn_gpu.rounding import rounded

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime
    from zif import Arrays, Compiled, Model
    from zif.plugin import Array
    from zif_qnn_runtime import Run

    from zif_qnn_gpu.options import GpuOptions


def load(compiled: Compiled, options: GpuOptions) -> GpuExecutable:
    """Open an artifact. Raises StageFailed, or BackendUnavailable where libQnnGpu has gone since the plan was made."""
    from zif import Model

    if status("gpu").available:
        return load_on_gpu(compiled, options)
    with laid_out(compiled) as folder:
        session = _emulated(Model.load(folder / compiled.main), folder, options)
    return GpuExecutable(session, tuple(info.name for info in compiled.outputs), {})


def load_on_gpu(compiled: Compiled, options: GpuOptions, profile: Profile | None = None) -> OnGpu:
    """Open an artifact on libQnnGpu, which notes its times in `profile`. Raises as `load`."""
    from zif import Model

    outputs = tuple(info.name for info in compiled.outputs)
    with laid_out(compiled) as folder:
        session, known = _on_gpu(Model.load(folder / compiled.main), folder, options, outputs, profile)
    return OnGpu(session, outputs, known, profile, lambda: load_on_gpu(compiled, options, Profile("detailed")))


def _emulated(model: Model, folder: Path, options: GpuOptions) -> onnxruntime.InferenceSession:
    """The emulator's session on the model with every tensor stored in fp16, or as it is for fp32."""
    from zif_qnn_gpu import emulator

    return emulator.open_session(rounded(model) if options.precision_mode == "fp16" else model.proto, folder)


def _on_gpu(
    model: Model, folder: Path, options: GpuOptions, outputs: tuple[str, ...], profile: Profile | None
) -> tuple[onnxruntime.InferenceSession | None, Mapping[str, Array]]:
    """libQnnGpu itself, which compiles its kernels now. Raises QnnError naming what it does not take."""
    from zif_qnn_runtime.graph import build

    built = build(model)
    data = halved(built.data) if options.precision_mode == "fp16" else built.data
    if not built.inputs or all(name in built.known for name in outputs):
        return None, built.known
    weights = folder if built.weights else None
    provider_options = ProviderOptions(device_id=options.device_id or None, **(profile.settings if profile else {}))
    return open_session(data, "gpu", provider_options, weights=weights), built.known


class GpuExecutable:
    """One open segment. ONNX Runtime allows runs from several threads.

    known: values of outputs that depend on no input; the session does not give them.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession | None, outputs: tuple[str, ...], known: Mapping[str, Array]
    ) -> None:
        self._session = session
        self._outputs = outputs
        self._known = {name: known[name] for name in outputs if name in known}
        self._reads = [value.name for value in session.get_inputs()] if session else []
        self._gives = [value.name for value in session.get_outputs()] if session else []
        self._closed = False

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Outputs by name, for inputs by name: fresh arrays. Raises StageFailed."""
        session = self._session
        if self._closed:
            raise ZifError("the segment is closed: load the model again")
        made: dict[str, Any] = {name: value.copy() for name, value in self._known.items()}
        if session is not None:
            try:
                values = session.run(self._gives, {name: inputs[name] for name in self._reads if name in inputs})
            except Exception as error:
                raise explain(error) from error
            made.update(zip(self._gives, values, strict=True))
        return {name: made[name] for name in self._outputs}

    def unit_times(self, inputs: Arrays, runs: int) -> dict[str, float]:  # noqa: ARG002
        """Microseconds by operator; see zif.SupportsUnitTimes. Raises BackendUnavailable where there is no GPU."""
        raise BackendUnavailable(
            "there is no Adreno GPU here: the emulator rounds between operators of this machine's CPU, and how long"
            " one of them takes says nothing of the GPU"
        )

    def close(self) -> None:
        """Let go of the session. May be called twice."""
        self._closed, self._session = True, None


class OnGpu(GpuExecutable):
    """One on libQnnGpu itself; `again` opens another that writes down what QNN notes of each run."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession | None,
        outputs: tuple[str, ...],
        known: Mapping[str, Array],
        profile: Profile | None,
        again: Callable[[], OnGpu],
    ) -> None:
        super().__init__(session, outputs, known)
        self._profile, self._again = profile, again

    def unit_times(self, inputs: Arrays, runs: int) -> dict[str, float]:
        """Microseconds by operator, in a session of their own; see zif.SupportsUnitTimes."""
        return unit_times(self._again, inputs, runs) if self._session is not None else {}

    def runs(self) -> list[Run]:
        """What QNN noted of every run."""
        return self._profile.runs() if self._profile else []

    def close(self) -> None:
        """Let go of the session and of what was noted."""
        super().close()
        if self._profile:
            self._profile.close()
