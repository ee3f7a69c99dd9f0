"""A session as the system under test of MLPerf's load generator (`mlcommons-loadgen`)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.errors import StageFailed, UsageError
from zif.evaluation.scenarios.result import NEEDED, SCENARIOS, Load, Outcome, outcome
from zif.files.documents import json_of
from zif.files.installing import to_install
from zif.files.leftovers import private_folder
from zif.files.limits import TEXT
from zif.files.opening import read_bytes

if TYPE_CHECKING:
    from zif.runtime.session import Session

#: More than this a host that is written in Python can hardly ask for.
MOST_QPS = 500.0
_MARK = b":::MLLOG "


def generator() -> Any:
    """The load generator's module. Raises UsageError where it is not installed."""
    try:
        import mlperf_loadgen
    except ImportError as error:
        raise UsageError(
            f"scenarios are run by MLPerf's load generator, which is not installed: `{to_install('zif[bench]')}`; "
            "`zif profile` takes nothing and is the quick look"
        ) from error
    return mlperf_loadgen


def under_load(
    session: Session, samples: Sequence[Mapping[str, Any]], load: Load, logs: Path | None = None
) -> tuple[Outcome, dict[int, dict[str, Any]]]:
    """Run a scenario; with `load.accuracy` also the outputs of every sample, by its place.

    logs: an existing folder for the generator's own logs. Raises UsageError where the generator is not installed, and
    what the session raises.
    """
    lg = generator()
    session.run(samples[0])  # what is slow only once is no part of it
    each = _each(session, samples)
    if load.scenario == "server" and not load.qps:
        load = evolve(load, qps=min(0.5 / each, MOST_QPS))
    load = evolve(load, queries=load.queries or NEEDED[load.scenario])
    if logs is not None:
        return _run(lg, session, samples, load, logs, each)
    with private_folder("zif-bench-") as folder:
        return _run(lg, session, samples, load, folder, each)


def _run(
    lg: Any, session: Session, samples: Sequence[Mapping[str, Any]], load: Load, folder: Path, each: float
) -> tuple[Outcome, dict[int, dict[str, Any]]]:
    system = _System(lg, session, samples, load)
    sut = lg.ConstructSUT(system.issue, lambda: None)
    qsl = lg.ConstructQSL(len(samples), len(samples), lambda _: None, lambda _: None)
    begun = perf_counter()
    try:
        with system:
            lg.StartTestWithLogSettings(sut, qsl, _settings(lg, load, each), _logging(lg, folder), "")
    finally:
        lg.DestroyQSL(qsl)
        lg.DestroySUT(sut)
    if system.error is not None:
        raise system.error
    log = _read(folder / "mlperf_log_detail.txt")
    return outcome(load, len(samples), log, perf_counter() - begun), system.outputs


class _System:
    """Threads that run the session on what the generator asks for. After an error everything is answered at once."""

    def __init__(self, lg: Any, session: Session, samples: Sequence[Mapping[str, Any]], load: Load) -> None:
        self._lg, self._session, self._samples, self._load = lg, session, samples, load
        self._asked: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"zif-bench-{n}") for n in range(load.workers)]
        self.outputs: dict[int, dict[str, Any]] = {}
        self.error: BaseException | None = None

    def issue(self, queries: Sequence[Any]) -> None:
        """What the generator calls, in a thread of its own."""
        for query in queries:
            self._asked.put((query.id, query.index))

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_error: object) -> None:
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            number, place = asked
            try:
                if self.error is None:
                    made = self._session.run(self._samples[place])
                    if self._load.accuracy:
                        self.outputs[place] = made
            except BaseException as error:  # which is raised when the generator is done
                self.error = error
            self._lg.QuerySamplesComplete([self._lg.QuerySampleResponse(number, 0, 0)])


def _settings(lg: Any, load: Load, each: float) -> Any:
    """each: seconds that a run takes by itself. So many queries are made beforehand as fill the least duration."""
    made = lg.TestSettings()
    made.scenario = getattr(lg.TestScenario, SCENARIOS[load.scenario][0])
    made.mode = lg.TestMode.AccuracyOnly if load.accuracy else lg.TestMode.PerformanceOnly
    made.min_duration_ms = round(1e3 * load.seconds)
    made.min_query_count = load.queries
    made.server_target_qps = load.qps or 1.0
    made.server_target_latency_ns = round(1e6 * load.latency_ms)
    made.multi_stream_samples_per_query = load.streams
    made.single_stream_expected_latency_ns = round(0.5e9 * each)
    made.multi_stream_expected_latency_ns = round(0.5e9 * each * load.streams)
    made.offline_expected_qps = 2 / each
    return made


def _logging(lg: Any, folder: Path) -> Any:
    made, output = lg.LogSettings(), lg.LogOutputSettings()
    output.outdir, output.copy_summary_to_stdout = str(folder), False
    made.log_output, made.enable_trace = output, False
    return made


def _read(path: Path) -> dict[str, Any]:
    """The values of the generator's detailed log, by key; the last of each."""
    lines = [line for line in read_bytes(path, TEXT, StageFailed).splitlines() if line.startswith(_MARK)]
    rows = [json_of(line.removeprefix(_MARK), path.name, StageFailed) for line in lines]
    return {row["key"]: row["value"] for row in rows}


def _each(session: Session, samples: Sequence[Mapping[str, Any]], clock: Callable[[], float] = perf_counter) -> float:
    """Seconds that a run takes: the median of a few."""
    spent = []
    for number in range(5):
        begun = clock()
        session.run(samples[number % len(samples)])
        spent.append(clock() - begun)
    return max(median(spent), 1e-6)
