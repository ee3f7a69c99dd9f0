"""The shortest way to a session on the CPU: a plain file, handed to the backend that started the last one.

Neither onnx nor what finds plugins is imported, and nobody is asked. Whatever is not as plain, and whatever fails, goes
the way of `zif.runtime.started.at_once`, which says what is wrong.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.errors import ZifError
from zif.files.opening import length, open_plain
from zif.model.ends import Ends, ends
from zif.planning.segment import Segment
from zif.records import Compiled
from zif.runtime.session import Session, Step
from zif.runtime.session.late_plan import LatePlan
from zif.runtime.started import remembered

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.planning import Plan

#: Wishes that the start has nothing to do with.
_LATER = frozenset({"strict", "emulate"})
NOTE = "started on the CPU with the model as it stands; the plan for the target takes its place when it is ready"


def open_quickly(source: Any, target: str, wishes: Mapping[str, Any]) -> tuple[Session, Backend] | None:
    """The session and its backend; None where it takes more than that, or does not go."""
    shaping = {name for name, wish in wishes.items() if wish} - _LATER
    if target != "host" or shaping or not isinstance(source, (str, Path)):
        return None
    path = Path(source)
    told = _ends(path) if path.suffix == ".onnx" else None
    by = remembered.known() if told else None
    if told is None or by is None:
        return None
    try:
        backend, options = remembered.opened(by)
        compiled = Compiled("onnx", {path.name: path.absolute()}, path.name, told.inputs, told.outputs)
        executable = backend.load(compiled, options, shared=False)
    except Exception:  # whoever comes next says what it is
        return None
    return session_of(path.stem, told, backend, executable, by.label), backend


def _ends(path: Path) -> Ends | None:
    try:
        with open_plain(path, ZifError) as file:
            if not length(file):
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return ends(data)
    except (ZifError, OSError, ValueError):
        return None


def session_of(name: str, told: Ends, backend: Backend, executable: Any, label: str) -> Session:
    """A session of one segment, the whole model; its plan is made when somebody asks for it."""
    from zif.backends.watched import watched

    reads = tuple(info.name for info in (*told.inputs, *told.optional))
    gives = tuple(info.name for info in told.outputs)
    segment = Segment(0, backend.name, "hardware", (), reads, gives, 0.0, 0.0, label)
    step = Step(segment, watched(backend, executable), reads, gives)
    plan = LatePlan(told.inputs, told.outputs, lambda: plan_of(name, told, segment))
    known = {info.name: info for info in (*told.inputs, *told.optional, *told.outputs)}
    return Session(plan, [step], known, told.optional)


def plan_of(name: str, told: Ends, segment: Segment) -> Plan:
    """What there is to say before a plan: one segment, no units, no costs."""
    from zif.planning.plan import Plan
    from zif.planning.records import Predicted, Request

    return Plan(
        model=name,
        digest="",
        request=Request(target="host", only=(segment.backend,)),
        inputs=told.inputs,
        outputs=told.outputs,
        segments=(segment,),
        units=(),
        transfers=(),
        scores={},
        predicted=Predicted(0.0, 0.0, 0, 0.0, {}),
        candidates=(),
        notes=(NOTE,),
    )
