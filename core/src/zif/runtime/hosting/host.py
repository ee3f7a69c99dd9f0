"""Several sessions that share a machine: memory, processors, and who gives way."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from zif.errors import NoRoom, UsageError
from zif.files.wording import size
from zif.planning.constraints import EVERYONE, nbytes
from zif.runtime.hosting.hosted import Hosted
from zif.runtime.hosting.processor_queue import Desk

if TYPE_CHECKING:
    from types import TracebackType

    from zif.planning import Plan

#: What all sessions hold together, in the words of limits.
_ALL = EVERYONE


class Host:
    """Owns sessions: admits them by memory, lets their segments queue for processors, and has idle ones rest.

    memory: what they may hold together, such as "2G", or by backend, such as {"my_npu": "1G", "*": "4G"} ("*": all
    of them together); without, the machine's memory. What a session holds is what its plan predicts. idle: seconds
    after which one that nobody runs rests; None: never. give_way: whether idle sessions of no higher priority rest when
    another one needs their memory; else that is refused. width: how many segments a processor ("npu", "gpu", "cpu")
    works on at a time; one each without.
    """

    def __init__(
        self,
        memory: Any = None,
        *,
        idle: float | None = None,
        give_way: bool = False,
        width: Mapping[str, int] | None = None,
    ) -> None:
        self._limits = _limits(memory)
        self._give_way, self._width = give_way, dict(width or {})
        self._lock = threading.RLock()
        self._desks: dict[str, Desk] = {}
        self._sessions: list[Hosted] = []
        self._closed = threading.Event()
        if idle is not None:
            if not idle > 0:
                raise UsageError(f"idle={idle!r}: must be a number of seconds above 0, or None")
            begin = threading.Thread(target=_have_rest, args=(weakref.ref(self), self._closed, idle), daemon=True)
            begin.start()

    @property
    def sessions(self) -> tuple[Hosted, ...]:
        """Those that are open, in the order in which they were loaded."""
        return tuple(self._sessions)

    def load(
        self, source: Any, target: str = "host", *, name: str = "", priority: int = 0, keep: bool = False, **how: Any
    ) -> Hosted:
        """A session as `zif.load` makes it, when there is room for it.

        name: what errors call it; the model's without. priority: the higher comes first. keep: it rests only when it
        is told to. how: what else `zif.load` takes. Raises NoRoom before anything is compiled, naming who holds the
        memory and how much, and what `zif.load` raises.
        """
        from zif.runtime.verbs import load

        self._check_open()
        plan = _plan(source, target, how)
        told = name or plan.model
        with self._lock:
            self._make_room(told, _need(plan), priority, None)
        session = load(source, target, **how)
        made = Hosted(self, session, told, priority, _need(session.plan) or _need(plan), keep)
        try:
            with self._lock:
                self._check_open()
                self._make_room(told, made.need, priority, None)
                self._sessions.append(made)
        except BaseException:
            session.close()
            raise
        return made

    def desk(self, processor: str) -> Desk:
        """The queue before a processor."""
        with self._lock:
            if processor not in self._desks:
                self._desks[processor] = Desk(self._width.get(processor, 1))
            return self._desks[processor]

    def make_room(self, hosted: Hosted) -> None:
        """Load a session that rests, when there is room for it. Raises NoRoom."""
        with self._lock:
            if hosted.resting:
                self._make_room(hosted.name, hosted.need, hosted.priority, hosted)
                hosted.session.awake()

    def forget(self, hosted: Hosted) -> None:
        """A session was closed."""
        with self._lock:
            self._sessions = [session for session in self._sessions if session is not hosted]

    def rest(self, seconds: float = 0.0) -> None:
        """Have every session rest that is not kept and that nobody has run for so long."""
        with self._lock:
            for session in self._sessions:
                if session.may_rest and monotonic() - session.used >= seconds:
                    session.rest()

    def close(self) -> None:
        """Close every session. May be called twice."""
        self._closed.set()
        for session in self.sessions:
            session.close()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _make_room(self, name: str, need: Mapping[str, int], priority: int, own: Hosted | None) -> None:
        """Let others rest until there is room. Raises NoRoom. The lock is held."""
        while (short := self._short(need, own)) is not None:
            ways = [session for session in self._sessions if self._gives_way(session, priority, own, short)]
            if not ways:
                raise self._no_room(name, need, short, own)
            min(ways, key=lambda hosted: (hosted.priority, hosted.used)).rest()

    def _gives_way(self, hosted: Hosted, priority: int, own: Hosted | None, short: str) -> bool:
        asked = self._give_way and hosted is not own and hosted.priority <= priority
        return asked and hosted.may_rest and bool(_of(hosted.need, short))

    def _short(self, need: Mapping[str, int], own: Hosted | None) -> str | None:
        """The limit that would be passed; None when there is room."""
        for name, limit in self._limits.items():
            held = sum(_of(hosted.need, name) for hosted in self._holding(own))
            if _of(need, name) and held + _of(need, name) > limit:
                return name
        return None

    def _holding(self, own: Hosted | None) -> list[Hosted]:
        return [session for session in self._sessions if session is not own and not session.resting]

    def _no_room(self, name: str, need: Mapping[str, int], short: str, own: Hosted | None) -> NoRoom:
        limit, wanted = self._limits[short], _of(need, short)
        where = "" if short == _ALL else f" of {short}"
        others = [(hosted.name, _of(hosted.need, short)) for hosted in self._holding(own) if _of(hosted.need, short)]
        if not others:
            return NoRoom(f"{name!r} needs {size(wanted)}{where}, and the host may hold {size(limit)}: it never fits")
        held = ", ".join(f"{other!r} holds {size(count)}" for other, count in others)
        return NoRoom(
            f"{name!r} needs {size(wanted)}{where} and {held}, of {size(limit)} that the host may hold: they cannot be "
            "resident together"
        )

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise UsageError("the host is closed: make another one")


def _limits(memory: Any) -> dict[str, int]:
    if memory is None:
        import psutil

        return {_ALL: int(psutil.virtual_memory().total)}
    if isinstance(memory, Mapping):
        return {str(name): nbytes(value, f"memory of {name}") for name, value in memory.items()}
    return {_ALL: nbytes(memory, "memory")}


def _of(need: Mapping[str, int], limit: str) -> int:
    """What of a need a limit counts."""
    return sum(need.values()) if limit == _ALL else need.get(limit, 0)


def _need(plan: Plan) -> dict[str, int]:
    """Bytes by backend, and by "host": weights, and the most that is alive at once."""
    return {name: memory.weights_bytes + memory.activations_bytes for name, memory in plan.predicted.memory.items()}


def _plan(source: Any, target: str, how: Mapping[str, Any]) -> Plan:
    """The plan that loading will follow, if no compiler has other ideas."""
    from zif.runtime.refusals import WISHES
    from zif.runtime.sources import is_bundle
    from zif.runtime.verbs import plan

    if is_bundle(source):
        from zif.runtime.from_bundle import planned

        return planned(Path(source), target)
    wishes = {name: value for name, value in how.items() if name in WISHES}
    return plan(source, target, how.get("policy", "balanced"), **wishes)


def _have_rest(host: weakref.ref[Host], closed: threading.Event, idle: float) -> None:
    """In a thread: sessions that nobody has run for so long rest. Ends with the host."""
    while not closed.wait(idle / 4):
        owner = host()
        if owner is None:
            return
        owner.rest(idle)
        del owner
