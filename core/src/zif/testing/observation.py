"""Making the table that a plugin ships: every node test run on the backend, claimed or not, and rules learned from it.

The backend runs in a worker process, whatever it says of itself: what it refuses may well crash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from zif.backends.registry import backend as find
from zif.errors import UsageError, ZifError
from zif.model import Model
from zif.model.arguments import Progress
from zif.records import Verdict
from zif.testing.learning import Case, learn
from zif.testing.node_results import Ending, tried
from zif.testing.nodetests import NodeTest
from zif.testing.subject import Subject
from zif.testing.taken_apart import units_apart
from zif.verdicts import observed
from zif.verdicts.facts import unit_facts
from zif.verdicts.settle import deniable
from zif.verdicts.shipped import place_of

MARK = "zif check"


@frozen
class Saved:
    """Where the table went, and the table."""

    path: Path
    table: observed.Table
    cases: int


def save(name: str, target: str, progress: Progress = lambda _: None) -> Saved:
    """Observe a backend and write what was learned to where zif looks for it, beside the plugin's module.

    Raises UsageError when nothing can be written there, or a table of the plugin's own making lies there.
    """
    path = _writable(name)
    subject = Subject.open(name, target, apart=True)
    try:
        if not subject.general.available:
            raise UsageError(f"{name} is not available here, so nothing can be observed: {subject.general.reason}")
        cases = list(observe(subject, progress))
        table = learn(cases, subject.general.toolchain, _source(subject), target=subject.target.name)
    finally:
        subject.close()
    observed.save(table, path)
    return Saved(path, table, len(cases))


def _source(subject: Subject) -> str:
    import onnx

    who = subject.backend
    return f"{MARK}, {who.distribution} {who.version}, node tests of onnx {onnx.__version__}"


def observe(subject: Subject, progress: Progress = lambda _: None) -> Iterator[Case]:
    """How each test of a single unit ended; of a test with several units that failed, how each of those ended."""
    from zif.testing.nodes import node_tests

    for number, test in enumerate(tests := node_tests(), 1):
        progress(f"observing {subject.backend.name}: test {number} of {len(tests)}, {test.name}")
        if test.random:
            continue
        yield from _cases(subject, test)


def _cases(subject: Subject, test: NodeTest) -> Iterator[Case]:
    try:
        model = Model.load(test.model)
        verdicts = subject.verdicts(model)
    except ZifError:
        return
    if len(model.units) == 1:
        (unit,) = model.units
        verdict = verdicts.get(unit.id)
        claimed = _promised(verdict)
        if claimed or deniable(verdict):
            end = tried(subject, test, model)
            yield _case(test, model, end, claimed)
        return
    promised = all(_promised(verdicts.get(unit.id)) for unit in model.units)
    if model.units and promised and not tried(subject, test, model).fine:
        for part in units_apart(test, model):
            yield from _cases(subject, part)


def _promised(verdict: Verdict | None) -> bool:
    """Whether the plugin itself says yes: what is granted or refused by observation was the other way round."""
    return verdict is not None and (verdict.supported is True) != (verdict.basis == "observed")


def _case(test: NodeTest, model: Model, end: Ending, claimed: bool) -> Case:
    unit = model.units[0]
    outcome = "right" if end.outcome == "not claimed" else end.outcome
    return Case(test.name, unit.op_type, unit.domain, unit_facts(model, unit), outcome, end.detail[:200], claimed)


def _writable(name: str) -> Path:
    path = place_of(find(name).info.module)
    if path is None or not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"the module of {name} lies where nothing can be written ({path}): install it with `pip install -e`"
        )
    if path.is_file():
        source = observed.load(path).source
        if not source.startswith(MARK):
            raise UsageError(
                f"{path} was made by the plugin's own means ({source}), which may know more than the node tests: "
                "move it away first to let `zif check` make one"
            )
    return path


__all__ = ["Saved", "observe", "save"]
