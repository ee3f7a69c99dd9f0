"""State that a model hands to itself: outputs of one run that are inputs of the next, without the caller's doing.

A state never leaves its arrays: what one run made is what the next one reads, where it lies. It is copied only into
what is handed to the caller, whose arrays are the caller's own.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zif.errors import InvalidInput, UsageError
from zif.files.wording import did_you_mean, listed
from zif.records import Arrays, TensorInfo
from zif.runtime.session.admit import Admission
from zif.runtime.session.fit import dtype_of, places_of, wanted

if TYPE_CHECKING:
    from types import TracebackType

#: States by the name of the input.
State = dict[str, Any]


class Runs(Protocol):
    """What a stream runs on: a session."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]: ...

    @property
    def optional_inputs(self) -> tuple[TensorInfo, ...]: ...

    @property
    def outputs(self) -> tuple[TensorInfo, ...]: ...

    def run(self, inputs: Arrays | None = None, *, trace: Any = None) -> dict[str, Any]: ...


class Stream:
    """One sequence of runs over a session, with its own state. Made by `Session.stream`.

    A session may have many, each with a state of its own, and they may run in several threads at once; runs of one
    stream take turns. A run that fails leaves the state as it was.
    """

    def __init__(
        self,
        session: Runs,
        state: Mapping[str, str],
        initial: Arrays | None = None,
        outputs: Collection[str] | None = None,
    ) -> None:
        self._session = session
        self._links = checked_links(session, state)
        self._names = _checked_outputs(session, outputs)
        self._kept = frozenset(self._links.values())
        self._lock = threading.Lock()
        self._closed = False
        self._initial = self._admitted(initial)
        self._state: State | None = dict(self._initial)

    def run(self, inputs: Arrays | None = None, *, trace: list[Any] | None = None) -> dict[str, Any]:
        """Run once on these inputs, without the state, and keep the state: arrays by output name.

        Raises what `Session.run` raises, InvalidInput also for a state among the inputs, and UsageError after `close`.
        """
        handed = self._handed(inputs)
        with self._lock:
            before = self._before(handed)
            made = self._session.run({**handed, **before}, trace=trace)
            if before is not self._state:
                self._check_guessed(before, made)
            self._state = {name: made[source] for name, source in self._links.items()}
            return self._handed_out(made)

    def reset(self, state: Arrays | None = None) -> None:
        """Begin anew: with these states, and for those that are not given with what the stream began with.

        Raises InvalidInput for one that does not fit.
        """
        fresh = self._admitted(state)
        with self._lock:
            self._check_open()
            self._state = self._initial | fresh

    def fork(self) -> Stream:
        """Another stream over the same session, with the state that this one has now. Neither sees the other's runs."""
        with self._lock:
            self._check_open()
            other = Stream(self._session, self._links, None, self._names)
            other._initial, other._state = self._initial, dict(self._state or {})
            return other

    @property
    def state(self) -> State:
        """Copies of the present states, by input name; without those that only the next run's inputs give a shape."""
        with self._lock:
            self._check_open()
            return {name: np.array(value) for name, value in {**self._zeros({}), **(self._state or {})}.items()}

    def close(self) -> None:
        """Let go of the state; the session stays open. May be called twice."""
        with self._lock:
            self._closed, self._state = True, None

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _handed(self, inputs: Any) -> Mapping[str, Any]:
        handed = {} if inputs is None else inputs
        if type(handed) is not dict and not isinstance(handed, Mapping):
            raise InvalidInput(f"inputs must be a mapping of name to array, not {type(handed).__name__}")
        for name in self._links:
            if name in handed:
                raise InvalidInput(
                    f"input {name!r} is a state of this stream, which keeps it from run to run: leave it out, or set "
                    f"it with stream.reset({{{name!r}: array}})"
                )
        return handed

    def _before(self, inputs: Mapping[str, Any]) -> State:
        """The states that the next run reads."""
        self._check_open()
        assert self._state is not None
        if len(self._state) == len(self._links):
            return self._state
        missing = self._links.keys() - self._state.keys()
        zeros = self._zeros(inputs)
        for name in missing - zeros.keys():
            raise self._open(name)
        return zeros | self._state

    def _open(self, name: str) -> InvalidInput:
        info = _info(self._session, name)
        return InvalidInput(
            f"state {name!r} begins with zeros of its declared shape, which is open: {wanted(info)}. Give it: "
            f"stream(..., initial={{{name!r}: array}}), or fix it with shapes"
        )

    def _check_guessed(self, before: State, made: Mapping[str, Any]) -> None:
        """Zeros of a shape that was guessed count only where the run made a state of the same shape of them."""
        assert self._state is not None
        for name in self._links.keys() - self._state.keys():
            if None in (_info(self._session, name).shape or ()) and before[name].shape != made[self._links[name]].shape:
                raise self._open(name)

    def _zeros(self, inputs: Mapping[str, Any]) -> State:
        """Zeros for the states whose shape is known: symbols have the size that these inputs give them, and an open
        dimension without a name the one that all inputs with such a first dimension begin with, which is a batch."""
        fed = [info for info in self._session.inputs if info.name in inputs]
        sizes: dict[Any, int] = {}
        for symbol, ((name, axis), *_) in places_of(fed).items():
            sizes.update({symbol: np.shape(inputs[name])[axis]} if np.ndim(inputs[name]) > axis else {})
        firsts = {np.shape(inputs[name.name])[:1] for name in fed if name.shape and name.shape[0] is None}
        if len(firsts) == 1:
            sizes.update(zip([None], firsts.pop(), strict=False))
        made = {}
        for name in self._links:
            info = _info(self._session, name)
            dtype = dtype_of(info)
            shape = [dim if isinstance(dim, int) else sizes.get(dim) for dim in info.shape or ()]
            if info.shape is not None and dtype is not None and dtype.kind != "O" and None not in shape:
                made[name] = np.zeros([dim for dim in shape if dim is not None], dtype)
        return made

    def _admitted(self, state: Arrays | None) -> State:
        """Copies of states that the caller gives, checked as inputs are."""
        if state is None:
            return {}
        if not isinstance(state, Mapping):
            raise InvalidInput(f"states must be a mapping of name to array, not {type(state).__name__}")
        for name in state:
            if name not in self._links:
                raise InvalidInput(
                    f"the stream has no state {str(name)!r}.{did_you_mean(str(name), self._links)} It has "
                    f"{listed(map(repr, self._links), 8)}."
                )
        infos = [_info(self._session, name) for name in state]
        return {name: np.array(value, order="C") for name, value in Admission(infos).admit(state).items()}

    def _handed_out(self, made: dict[str, Any]) -> dict[str, Any]:
        kept = self._kept
        return {name: np.array(made[name]) if name in kept else made[name] for name in self._names}

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("the stream is closed: open another one with session.stream")


def checked_links(session: Runs, state: Any) -> dict[str, str]:
    """Which input comes from which output, held against the model. Raises UsageError."""
    if not isinstance(state, Mapping) or not state:
        raise UsageError("a stream's state is a mapping of input to output names, such as {'h': 'hn'}")
    inputs = {info.name: info for info in (*session.inputs, *session.optional_inputs)}
    outputs = {info.name: info for info in session.outputs}
    for name, source in state.items():
        target = _known(name, inputs, "input")
        _check_alike(target, _known(source, outputs, "output"))
    return dict(state)


def _checked_outputs(session: Runs, wanted_ones: Any) -> tuple[str, ...]:
    names = tuple(info.name for info in session.outputs)
    if wanted_ones is None:
        return names
    chosen = (wanted_ones,) if isinstance(wanted_ones, str) else tuple(wanted_ones)
    infos = {info.name: info for info in session.outputs}
    return tuple(_known(name, infos, "output").name for name in chosen)


def _known(name: Any, infos: Mapping[str, TensorInfo], what: str) -> TensorInfo:
    if name in infos:
        return infos[name]
    raise UsageError(
        f"the model has no {what} {str(name)!r}.{did_you_mean(str(name), infos)} Its {what}s are "
        f"{listed(map(repr, infos), 8)}."
    )


def _check_alike(target: TensorInfo, source: TensorInfo) -> None:
    """Raise UsageError where an output can never be the input, by what is declared of both."""
    alike = not (target.type and source.type) or target.type == source.type
    if alike and target.shape is not None and source.shape is not None:
        alike = len(target.shape) == len(source.shape) and all(
            a == b for a, b in zip(target.shape, source.shape, strict=True) if isinstance(a, int) and isinstance(b, int)
        )
    if not alike:
        raise UsageError(
            f"the state {target.name!r} is {wanted(target)}, and the output {source.name!r} that it would come from "
            f"{wanted(source)}: no run could read what the one before it made"
        )


def _info(session: Runs, name: str) -> TensorInfo:
    return next(info for info in (*session.inputs, *session.optional_inputs) if info.name == name)
