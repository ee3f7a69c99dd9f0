"""InferenceSession on a zif session: ONNX Runtime's arguments in, its lists of arrays and its errors out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.errors import ZifError
from zif.runtime.dropin import providers as provided
from zif.runtime.dropin import settings, sources
from zif.runtime.dropin.assigned import OrtEpAssignedSubgraph, OrtMemoryInfo, assigned
from zif.runtime.dropin.binding import IOBinding
from zif.runtime.dropin.faults import Fail, InvalidArgument, as_theirs, worded
from zif.runtime.dropin.forks import Reopened
from zif.runtime.dropin.logs import LOG
from zif.runtime.dropin.nodes import ModelMetadata, NodeArg, metadata, misfit, node_args
from zif.runtime.dropin.options import RunOptions, SessionOptions
from zif.runtime.dropin.profile import Profile
from zif.runtime.dropin.shaped import Shaped
from zif.runtime.dropin.values import OrtValue, as_input, word
from zif.runtime.dropin.warn import once
from zif.runtime.dropin.wishes import RECORD, Wishes, wishes
from zif.runtime.session.direct import direct
from zif.runtime.verbs import load

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.session import Session, Timing


class InferenceSession(Reopened):
    """A model that runs where zif places it. Arguments, methods and errors are those of ONNX Runtime.

    Where it runs is asked with `zif.ort.configure(target=…)`, with `providers`, or with the session configuration
    entries "zif.target" and "zif.policy". `zif_session` is the session behind it: its `plan` says what runs where.
    """

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[Any] | None = None,
        provider_options: Sequence[Mapping[Any, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        for name in kwargs.keys() - {"enable_fallback"}:
            once(f"InferenceSession({name}=…) has no effect")
        self._sess_options = sess_options if sess_options is not None else SessionOptions()
        self._model: Model = sources.model(path_or_bytes, self._sess_options)
        self._first_providers(providers, provider_options, kwargs.get("enable_fallback", 1))
        prefix = self._sess_options.profile_file_prefix
        self._profile = Profile(prefix) if self._sess_options.enable_profiling else None
        self._meta: ModelMetadata = metadata(self._model.proto)
        super().__init__()

    def _first_providers(self, providers: Any, provider_options: Any, fallback: Any) -> None:
        """What is wrong in them is said, and the CPU takes their place, as there, unless fallback is off."""
        try:
            self._set_providers(providers, provider_options)
        except ValueError as error:
            if not fallback:
                raise
            once(f"providers={providers!r}: {error} The backends on the CPU take their place.")
            self._set_providers([provided.CPU], None)

    def _set_providers(self, providers: Any, provider_options: Any) -> None:
        options = self._sess_options
        if providers is None and options._providers:
            providers = list(options._providers)
        now = settings.current()
        now = evolve(now, target=options._entries.get("zif.target", now.target))
        names, option_values = provided.normalized(providers, provider_options, provided.available(now.target))
        self._wishes: Wishes = wishes(options, names, option_values, now)
        self._provider_options = dict(zip(names, option_values, strict=True))
        self._plans = now.plans

    def _open(self) -> None:
        """Plan, build and load. Raises what ONNX Runtime raises."""
        try:
            session = load(self._model, **self._wishes.arguments())
        except ZifError as error:
            raise as_theirs(error) from error
        self.zif_session: Session = session
        self._inputs, self._optional = node_args(session.inputs), node_args(session.optional_inputs)
        self._outputs = node_args(session.outputs)
        self._names = [arg.name for arg in self._outputs]
        self._shaped = Shaped(session, self._for_shapes, self._plans) if self._open_shapes() else None
        run = self._shaped.run if self._shaped else session.run
        plain = self._wishes.verify == "off"
        self._run: Callable[..., dict[str, Any]] = run if plain else self._telling(run)
        self._quick: Callable[[Mapping[str, Any]], dict[str, Any]] = self._run
        if self._profile is not None:
            self._quick = self._profiled
        elif plain and self._shaped is None:
            self._quick = direct(session)
        self._log(session)

    def _open_shapes(self) -> bool:
        return self._plans > 0 and any(not info.static for info in self.zif_session.inputs if info.dtype)

    def _for_shapes(self, shapes: Mapping[str, Any]) -> Session:
        made = load(self._model, shapes=shapes, **self._wishes.arguments())
        self._log(made)
        return made

    def _telling(self, run: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """A run after which it is said, once, what was found wrong in it."""

        def told(*args: Any, **more: Any) -> dict[str, Any]:
            made = run(*args, **more)
            for session in (self.zif_session, *(self._shaped.sessions if self._shaped else ())):
                for event in session.events:
                    if event.kind in ("verified-wrong", "fallback"):
                        once(f"{session.plan.model} on {event.backend}: {event.text}; the CPU's outputs are given")
            return made

        return told

    def _log(self, session: Session) -> None:
        """What happened beside the plan is information; where the plan has everything run, a detail."""
        if self._sess_options.log_severity_level <= 1:
            for event in session.events:
                LOG.info("%s: %s: %s", event.kind, event.backend, event.text)
        LOG.debug("%s on %s", session.plan.model, ", ".join(session.plan.backends))

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: RunOptions | None = None
    ) -> list[Any]:
        """The outputs of these names, all of them without any, as a list. Raises as ONNX Runtime does."""
        if run_options is None:
            try:
                made = self._quick(input_feed)
            except Exception:  # `_run` says what it is
                made = self._attended(input_feed, None)
        else:
            made = self._attended(input_feed, run_options)
        if not output_names:
            return [*made.values()]
        if isinstance(output_names, str):
            raise TypeError(
                f"run(): incompatible function arguments: output_names is a sequence of str, not {output_names!r}"
            )
        try:
            return [made[name] for name in output_names]
        except KeyError as error:
            raise worded(InvalidArgument, f"Invalid output name:{error.args[0]}") from None

    def _attended(self, feed: Mapping[str, Any], options: RunOptions | None) -> dict[str, Any]:
        """A run that somebody may have stopped, whose inputs may have to be converted, or that failed."""
        if options is not None and options.terminate:
            raise worded(Fail, "Exiting due to terminate flag being set to true.")
        return self._profiled(feed)

    def _profiled(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        begin = time.monotonic_ns()
        timings: list[Timing] = []
        try:
            made = self._run(feed, trace=timings) if self._profile else self._run(feed)
        except ZifError:
            timings.clear()
            made = self._again(feed, **({"trace": timings} if self._profile else {}))
        if self._profile is not None:
            self._profile.run(begin, timings)
        return made

    def _again(self, feed: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """After a refusal: with what ONNX Runtime would make of the inputs, or its error."""
        try:
            return self._run(self._fed(feed), **more)
        except ZifError as error:
            raise self._refusal(feed, error) from error

    def _fed(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        infos = {info.name: info for info in (*self.zif_session.inputs, *self.zif_session.optional_inputs)}
        names = list(feed.keys())
        missing = [arg.name for arg in self._inputs if arg.name not in feed and not arg.type.startswith("optional")]
        if missing:
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({names}).")
        for name in feed:
            if name not in infos:
                raise worded(InvalidArgument, f"Invalid input name: {name}")
        fed = {name: as_input(value, infos[name]) for name, value in feed.items()}
        absent = {arg.name: None for arg in self._inputs if arg.name not in feed}
        return {**absent, **fed}

    def _refusal(self, feed: Mapping[str, Any], error: ZifError) -> Exception:
        """ONNX Runtime's words for an input that does not fit, where it has some; zif's otherwise."""
        for arg in (*self._inputs, *self._optional):
            value = as_input(feed[arg.name], self.zif_session.tensors[arg.name]) if arg.name in feed else None
            if value is None or not hasattr(value, "dtype") or not arg.type.startswith("tensor("):
                continue
            if f"tensor({word(value.dtype)})" != arg.type:
                told = f"Actual: (tensor({word(value.dtype)})) , expected: ({arg.type})"
                return worded(InvalidArgument, f"Unexpected input data type. {told}")
            if wrong := misfit(arg, value.shape):
                return worded(InvalidArgument, wrong)
        return as_theirs(error)

    def run_with_ort_values(
        self, output_names: Sequence[str] | None, input_dict_ort_values: Mapping[str, OrtValue], run_options: Any = None
    ) -> list[OrtValue]:
        """The same with OrtValues."""
        feed = {name: value.numpy() for name, value in input_dict_ort_values.items()}
        return [OrtValue(value) for value in self.run(output_names, feed, run_options)]

    def run_async(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        callback: Callable[[list[Any], Any, str], Any],
        user_data: Any = None,
        run_options: RunOptions | None = None,
    ) -> None:
        """Run in another thread, then `callback(results, user_data, error)`; the error is "" when all went well."""
        if run_options is not None and run_options.terminate:
            raise worded(Fail, "Exiting due to terminate flag being set to true.")
        self._ready()
        fed = self._fed(input_feed)

        def done(run: Any) -> None:
            try:
                made = run.result()
                told = [made[name] for name in output_names or self._names], ""
            except ZifError as error:
                told = [], str(self._refusal(input_feed, error))
            except BaseException as error:
                told = [], str(error) or type(error).__name__
            callback(told[0], user_data, told[1])

        session = self._shaped.session(fed) if self._shaped else self.zif_session
        try:
            run = session.run_async(fed)
        except ZifError as error:
            callback([], user_data, str(self._refusal(input_feed, error)))
            return
        run.add_done_callback(done)

    def io_binding(self) -> IOBinding:
        """An empty binding for this session."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        """Run on what is bound. Raises ValueError for another session's binding."""
        if iobinding._session is not self:
            raise ValueError("IOBinding must be used with the session that created it.")
        if run_options is not None and run_options.terminate:
            raise worded(Fail, "Exiting due to terminate flag being set to true.")
        if not iobinding._outputs:
            raise RuntimeError("Error in execution: At least one output should be requested.")
        try:
            iobinding.run()
        except ZifError as error:
            raise self._refusal(iobinding._inputs, error) from error

    def get_inputs(self) -> list[NodeArg]:
        """What must be fed."""
        return self._inputs

    def get_outputs(self) -> list[NodeArg]:
        """What comes out."""
        return self._outputs

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Inputs that have a default."""
        return self._optional

    def get_modelmeta(self) -> ModelMetadata:
        """What the model says of itself."""
        return self._meta

    def get_session_options(self) -> SessionOptions:
        """The options that it was made with."""
        return self._sess_options

    def get_providers(self) -> list[str]:
        """The providers whose backends take part, the CPU last."""
        return [*self._wishes.providers, provided.CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Their options, as they were given."""
        return {name: self._provider_options.get(name, {}) for name in self.get_providers()}

    def get_input_memory_infos(self) -> list[OrtMemoryInfo]:
        """Host memory, for each input."""
        return [OrtMemoryInfo() for _ in self._inputs]

    def get_output_memory_infos(self) -> list[OrtMemoryInfo]:
        """Host memory, for each output."""
        return [OrtMemoryInfo() for _ in self._outputs]

    def get_input_epdevices(self) -> list[None]:
        """None for each input: zif knows targets, not such devices."""
        return [None for _ in self._inputs]

    def get_provider_graph_assignment_info(self) -> list[OrtEpAssignedSubgraph]:
        """Which operator runs where. Raises Fail unless the session was asked to record it."""
        if self._sess_options._entries.get(RECORD) != "1":
            raise worded(Fail, f"Session configuration entry '{RECORD}' must be set to \"1\" to ask for it")
        return assigned(self.zif_session.plan, self._model, self._wishes.target)

    def set_providers(self, providers: Any = None, provider_options: Any = None) -> None:
        """Plan again with others. Raises RuntimeError for a name that nobody has."""
        for provider in providers or ():
            name = provider[0] if isinstance(provider, tuple) else provider
            if not provided.known(str(name)):
                raise RuntimeError(f"Unknown Provider Type: {name}")
        self._set_providers(providers, provider_options)
        self._reopen()

    def disable_fallback(self) -> None:
        """zif never falls back in silence."""

    def enable_fallback(self) -> None:
        """zif never falls back in silence: `on_fault="fallback"` of `zif.load` does it, with an event."""
        once("enable_fallback has no effect: zif.load(on_fault='fallback') moves a segment that fails")

    def end_profiling(self) -> str:
        """Write what was timed, and give the file's name; "" without profiling."""
        profile, self._profile = self._profile, None
        return profile.end() if profile is not None else ""

    def get_profiling_start_time_ns(self) -> int:
        """When profiling began, as `time.monotonic_ns` counts."""
        return self._profile.begin_ns if self._profile is not None else 0
