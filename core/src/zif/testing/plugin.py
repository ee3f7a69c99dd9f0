"""The pytest plugin of the kit: which backend, which target, what counts as known to fail, and the four outcomes.

passed; not claimed (skipped: the backend does not say that it can); unavailable (skipped, with the backend's own
reason); failed. A known failure needs a reason and must still fail.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil
import pytest
from attrs import evolve

from zif.testing.deadlines import OVERRUN, Watch, limits, timed
from zif.testing.journal import Journal, write
from zif.testing.known_failures import Known, read_known
from zif.testing.outcome import Record, word_of
from zif.testing.subject import Subject

if TYPE_CHECKING:
    from zif.testing.nodetests import NodeTest

_RECORD = pytest.StashKey[Record]()
_KNOWN = pytest.StashKey[Known]()
_WATCH = pytest.StashKey[Watch]()
_ITEM = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the kit."""
    group = parser.getgroup("zif", "zif conformance kit")
    group.addoption("--backend", help="name of the backend under test, as `zif backends` lists it")
    group.addoption("--target", default="host", help="target to test for (default: host)")
    group.addoption("--require-device", action="store_true", help="an unavailable backend fails instead of skipping")
    group.addoption("--sample", type=int, default=0, help="at most so many ONNX node tests of each operator (0: all)")
    group.addoption("--outcome", help="write the outcome of every test to this JSON file")
    group.addoption("--stage-deadline", action="append", default=[], help="STAGE=TIME, such as compile=10m; repeatable")
    group.addoption("--journal", help="go on with the run that this file tells of, or begin one")
    group.addoption("--known", help="pyproject.toml with [tool.zif.check.known-failures] (default: the one here)")


def pytest_configure(config: pytest.Config) -> None:
    """Read the known failures, open the record."""
    record = config.stash[_RECORD] = Record(
        config.getoption("backend") or "", config.getoption("target"), sample=config.getoption("sample")
    )
    config.pluginmanager.register(_Notes(record), "zif-notes")
    path = Path(config.getoption("known") or config.rootpath / "pyproject.toml")
    config.stash[_KNOWN] = read_known(path, config.getoption("backend") or "")
    config.stash[_WATCH] = Watch(limits(config.getoption("stage_deadline")), _Overrun(config), os.getpid())
    if config.getoption("journal"):
        config.pluginmanager.register(Journal(Path(config.getoption("journal")), config), "zif-journal")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is known to fail, strictly: an unexpected pass fails, and so does an entry that matches no test.

    A sample may leave out the one node test that fails, so that its pass says nothing.
    """
    known, sample = config.stash[_KNOWN], config.getoption("sample")
    for item in items:
        reason = known.reason(_short(item.nodeid))
        if reason is not None:
            sampled = bool(sample) and "node_tests" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xfail(reason=reason, strict=not sampled))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the record; stale known failures fail a run that collected everything."""
    record, known = session.config.stash[_RECORD], session.config.stash[_KNOWN]
    record.stale = known.stale() if not session.config.getoption("keyword") else []
    if record.stale and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    path = session.config.getoption("outcome")
    if path:
        record.write(Path(path))


class _Overrun:
    """Ends the process over a stage that does not end; the run is started again, and goes on after the test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __call__(self, how: str) -> None:
        """Note what took too long, and end everything that was started here."""
        test = self._config.stash.get(_ITEM, "")
        print(f"zif: {how}, in {_short(test)}; going on after it", file=sys.stderr, flush=True)
        if self._config.getoption("journal") and test:
            write(Path(self._config.getoption("journal")), {"died": test, "how": how})
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
        os._exit(OVERRUN)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """All that a test does is watched."""
    item.config.stash[_ITEM] = item.nodeid
    with item.config.stash[_WATCH].stage("run"):
        return (yield)


class _Notes:
    """Notes how each test ended, also one that a journal retells."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the part of a test that decides."""
        if report.when == "call" or report.outcome != "passed":
            self._record.add(_short(report.nodeid), *word_of(report))
            self._record.observed += [value for name, value in report.user_properties if name == "ending"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Four outcomes, four words."""
    record = config.stash[_RECORD]
    if record.backend:
        terminalreporter.write_line(record.sentence())
        for name in record.stale:
            terminalreporter.write_line(f"known failure {name!r} matches no test or has no reason: remove it", red=True)


def _short(nodeid: str) -> str:
    """`test_numbers.py::test_operator[Conv]`, wherever the suite is installed."""
    return nodeid.replace("\\", "/").rsplit("/", 1)[-1]


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The backend under test. Fails when there is none of this name; closes what it opened."""
    name = request.config.getoption("backend")
    if not name:
        pytest.fail("name the backend: --backend NAME", pytrace=False)
    opened = Subject.open(name, request.config.getoption("target"))
    opened = evolve(opened, backend=timed(opened.backend, request.config.stash[_WATCH]))
    record = request.config.stash[_RECORD]
    record.describe(opened)
    yield opened
    opened.close()


@pytest.fixture
def device(subject: Subject, request: pytest.FixtureRequest) -> Subject:
    """The backend, able to run here; an unavailable one skips with its own reason, or fails under --require-device."""
    if not subject.general.available:
        unavailable(subject.general.reason, request.config.getoption("require_device"))
    return subject


def unavailable(reason: str, required: bool) -> NoReturn:
    """End the test as unavailable."""
    if required:
        pytest.fail(f"--require-device: unavailable: {reason}", pytrace=False)
    pytest.skip(f"unavailable: {reason}")


def not_claimed(what: str) -> NoReturn:
    """End the test as not claimed."""
    pytest.skip(f"not claimed: {what}")


@pytest.fixture(scope="session")
def node_tests(request: pytest.FixtureRequest) -> Mapping[str, list[NodeTest]]:
    """The ONNX project's own node tests by operator: all, or a sample of each with --sample."""
    from zif.testing.nodes import ByOperator

    return ByOperator(request.config.getoption("sample"))
