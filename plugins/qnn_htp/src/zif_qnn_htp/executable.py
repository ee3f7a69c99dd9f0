"""A context binary that is loaded and ready to run."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve
from zif import BackendUnavailable, InvalidBundle, InvalidInput, UsageError
from zif.plugin import OperatorTrace, laid_out
from zif_qnn_runtime import Profile, explain, figures, find, host_kind, load_context, operators, qnn_version, unit_times

from zif_qnn_htp.chips import Chip
from zif_qnn_htp.fit import fit
from zif_qnn_htp.options import HtpOptions, provider_options, run_settings
from zif_qnn_htp.rewrites.narrowing import narrowed
from zif_qnn_htp.segment import FORMAT, KNOWN, Segment, chunks, content, context_files, known_values, read_segment

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime
    from zif import Arrays, Compiled, TensorInfo
    from zif.plugin import Array
    from zif_qnn_runtime import Run


def load(compiled: Compiled, options: HtpOptions) -> HtpExecutable:
    """Open an artifact. Raises InvalidBundle for a damaged one, BackendUnavailable for another release or chip."""
    if compiled.format != FORMAT:
        raise InvalidBundle(f"the artifact is {compiled.format!r}, not {FORMAT!r}: compile the model again")
    segment = read_segment(compiled)
    for name, crc in segment.crc32.items():
        _check(name, compiled, crc)
    _check_release(segment)
    known = known_values(content(compiled, KNOWN)) if KNOWN in segment.crc32 else {}
    if not segment.wrapper:
        return HtpExecutable(None, (), compiled.outputs, known, (), None, lambda: load(compiled, options))
    _check_chip(compiled)
    chip = Chip("", segment.soc_model, segment.htp_arch, fp16=True)
    profile = Profile(options.profiling) if options.profiling != "off" else None
    settings = evolve(provider_options(options, chip), **(profile.settings if profile else {}))
    with laid_out(compiled, context_files(compiled, segment), follows_links=True) as folder:
        session = load_context(folder / segment.wrapper, "htp", settings)
    again = lambda: load(compiled, evolve(options, profiling="detailed"))  # noqa: E731
    modes = run_settings(options)
    return HtpExecutable(
        session, segment.inputs, compiled.outputs, known, segment.baked, profile, again, modes, compiled.files
    )


def _check(name: str, compiled: Compiled, crc: int) -> None:
    total = 0
    for chunk in chunks(compiled, name):
        total = zlib.crc32(chunk, total)
    if total != crc:
        raise InvalidBundle(f"{name} is damaged (its checksum differs): compile the model again")


def _check_release(segment: Segment) -> None:
    library = find("htp")
    if library.path is None:
        raise BackendUnavailable(library.reason)
    here, there = qnn_version(library.path), segment.qnn
    if here != there:
        raise BackendUnavailable(
            f"the artifact was compiled with QNN {there}, and QNN {here} is here: compile it again"
        )


def _check_chip(compiled: Compiled) -> None:
    """On a device the artifact must do for the chip that is there; the emulator runs what is for any chip."""
    import zif

    here = zif.target("host")
    if host_kind() == "emulator" or figures(here).soc_model is None:
        return
    grade, reason, _ = fit(compiled, here)
    if grade == "recompile":
        raise BackendUnavailable(
            f"the artifact does not run on this machine: {reason}. Compile the model for this chip."
        )


class HtpExecutable:
    """Runs a session; outputs that depend on no input are given from `known`. `again` opens one that is profiled.

    settings: entries of every run, in the provider's words (see `run_settings`). files: the artifact's, of which one
    tells what the compiler made of which units.

    Safe to call from several threads; QNN runs one after the other.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession | None,
        inputs: tuple[str, ...],
        outputs: Sequence[TensorInfo],
        known: Mapping[str, Array],
        baked: tuple[str, ...],
        profile: Profile | None,
        again: Callable[[], HtpExecutable],
        settings: Mapping[str, str] | None = None,
        files: Mapping[str, bytes | Path] | None = None,
    ) -> None:
        self._session = session
        self._inputs, self._outputs = inputs, tuple(info.name for info in outputs)
        self._known, self._baked = known, baked
        self._computed = [name for name in self._outputs if name not in known]
        types = [(value.name, value.type) for value in session.get_outputs()] if session else []
        self._narrowed = narrowed(types, outputs)
        self._profile = profile
        self._again = again
        self._files = files or {}
        self._closed = False
        self._quiet = _quiet_run(settings or {})

    def run(self, inputs: Arrays) -> Arrays:
        """Compute every output. Raises InvalidInput for an input that is missing or fixed, QnnError when QNN fails."""
        self._check(inputs)
        if self._session is None:
            return self._with_known({})
        feeds = {name: inputs[name] for name in self._inputs}
        try:
            values = self._session.run(self._computed, feeds, self._quiet)
        except Exception as error:  # ONNX Runtime has no common base class for its errors
            raise explain(error) from error
        return self._with_known(self._widened(zip(self._computed, values, strict=True)))

    def bind(self, inputs: Arrays, outputs: Arrays) -> Callable[[Arrays], Arrays]:
        """A run that reads and writes the given C-contiguous arrays in place; see zif.SupportsBinding."""
        if self._session is None or any(name in self._known or name in self._narrowed for name in outputs):
            return lambda rest: _copied(self.run({**inputs, **rest}), outputs)
        session, quiet = self._session, self._quiet
        binding = session.io_binding()
        for name in self._inputs:
            if name in inputs:
                _bind(binding.bind_input, name, inputs[name])
        for name, array in outputs.items():
            _bind(binding.bind_output, name, array)
        free = [name for name in self._computed if name not in outputs]
        late = [name for name in self._inputs if name not in inputs]

        def run(rest: Arrays) -> Arrays:
            self._check({**inputs, **rest})
            for name in late:
                binding.bind_cpu_input(name, rest[name])
            for name in free:
                binding.bind_output(name)
            try:
                session.run_with_iobinding(binding, quiet)
            except Exception as error:
                raise explain(error) from error
            values = binding.get_outputs()[len(outputs) :]
            return self._with_known(self._widened(zip(free, (value.numpy() for value in values), strict=True)))

        return run

    def profile(self) -> Mapping[str, float]:
        """Microseconds, or cycles of each operator, in the last run; empty unless the option `profiling` asked."""
        return self._profile.read() if self._profile else {}

    def unit_times(self, inputs: Arrays, runs: int) -> dict[str, float]:
        """Microseconds by node, in a session of their own; see zif.SupportsUnitTimes.

        QNN counts cycles: on the emulator those are of the processor that emulates.
        """
        return unit_times(self._again, inputs, runs) if self._session is not None else {}

    def operators(self, inputs: Arrays, runs: int) -> OperatorTrace:
        """QNN's own operators; see zif.SupportsOperators. None where every output was known beforehand."""
        if self._session is None:
            return OperatorTrace(())
        return operators(self._again, self._files, inputs, runs)

    def runs(self) -> list[Run]:
        """What QNN noted of every run."""
        return self._profile.runs() if self._profile else []

    def close(self) -> None:
        """Give the NPU's memory back."""
        self._session = None
        self._closed = True
        if self._profile:
            self._profile.close()

    def _check(self, inputs: Arrays) -> None:
        if self._closed:
            raise UsageError("the segment on qnn_htp is closed: load it again")
        for name in self._inputs:
            if name not in inputs:
                raise InvalidInput(f"input {name!r} is missing; needed are {', '.join(self._inputs)}")
        for name in self._baked:
            if name in inputs:
                raise InvalidInput(
                    f"input {name!r} has a default that is compiled into the segment on qnn_htp;"
                    " leave it out, or exclude qnn_htp"
                )

    def _widened(self, made: Iterable[tuple[str, Array]]) -> dict[str, Array]:
        return {name: array.astype("int64") if name in self._narrowed else array for name, array in made}

    def _with_known(self, made: dict[str, Array]) -> dict[str, Array]:
        known = self._known
        return {n: made[n] if n in made else known[n].copy() for n in self._outputs if n in made or n in known}


def _quiet_run(settings: Mapping[str, str]) -> Any:
    """Run options with these entries under which an error is raised without being written to the terminal as well."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    for name, value in settings.items():
        options.add_run_config_entry(name, value)
    return options


def _bind(method: Callable[..., None], name: str, array: Array) -> None:
    method(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def _copied(made: Arrays, places: Arrays) -> dict[str, Array]:
    """Put values into the arrays that were bound for them; gives the others."""
    for name, place in places.items():
        place[...] = made[name]
    return {name: value for name, value in made.items() if name not in places}
