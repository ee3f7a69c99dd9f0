"""The cells on Dask: its scheduler, its workers, its way of losing one; here is what a cell is to it, and who may join.

A worker whose zif, plugins or toolchains are others is refused by name: before the first cell, and again with every
cell, for workers come later. A cell whose worker died is done once more by another; one that kills that, too, is tried
in a process of its own, where it can take nobody with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from attrs import frozen
from zif import UsageError, ZifError
from zif.plugin import listed, note, to_install

from zif_sweep.machine import Machine

if TYPE_CHECKING:
    from zif_sweep.cells import Cell
    from zif_sweep.rows import Row

#: Seconds for a scheduler to answer, and for its first worker to come.
_CONNECT_S, _WORKERS_S = 15, 60

#: Cells that are handed out ahead, for each thread of the workers; after so many seconds these are counted anew.
_AHEAD, _ASK_S = 3, 5.0


class ClusterLost(ZifError):
    """The scheduler or every worker went away. What is finished is kept, and the same command goes on."""

    step = "start the scheduler again, and give the same command: it goes on"


@frozen
class Refused:
    """What a worker answers in the place of a row: it is not like the machine that the cells were keyed for."""

    worker: str
    why: str


def done_on(cells: Sequence[Cell], machine: Machine, jobs: int, cluster: str) -> Iterator[Row]:
    """The rows as they come. Raises UsageError, ClusterLost, NotWritten."""
    distributed = _dask()
    with _client(distributed, jobs, cluster) as client:
        try:
            yield from _Handing(distributed, client, machine, cluster).rows(cells)
        except (OSError, distributed.comm.CommClosedError, distributed.client.FutureCancelledError) as error:
            raise _lost(cluster, error) from error


class _Handing:
    """Cells on their way: at most some ahead, those of lost workers once more."""

    def __init__(self, distributed: Any, client: Any, machine: Machine, cluster: str) -> None:
        self._distributed, self._client, self._machine, self._cluster = distributed, client, machine, cluster
        self._refused = _refused_workers(client, machine)
        self._asked, self._count = float("-inf"), 1
        self._check_left()

    def rows(self, cells: Sequence[Cell]) -> Iterator[Row]:
        """The row of every cell."""
        waiting = list(reversed(cells))
        running: dict[Any, tuple[Cell, bool]] = {}
        coming = self._distributed.as_completed(raise_errors=False)
        while waiting or running:
            while waiting and len(running) < _AHEAD * self._threads():
                self._submit(waiting.pop(), False, running, coming)
            future = next(coming)
            cell, alone = running.pop(future)
            answer = self._answer(future, cell, alone)
            future.release()
            if isinstance(answer, Refused):
                self._refuse(answer)
                self._submit(cell, alone, running, coming)
            elif answer is None:  # it killed its workers
                self._submit(cell, True, running, coming)
            else:
                yield answer

    def _submit(self, cell: Cell, alone: bool, running: dict[Any, tuple[Cell, bool]], coming: Any) -> None:
        workers = [name for name in self._there() if name not in self._refused] if self._refused else None
        key = f"{cell.named}-{cell.key[:12]}-{'alone' if alone else 'once'}-{len(self._refused)}"
        future = self._client.submit(work, cell, self._machine, alone, key=key, workers=workers, pure=False)
        running[future] = (cell, alone)
        coming.add(future)

    def _answer(self, future: Any, cell: Cell, alone: bool) -> Row | Refused | None:
        """What came of a cell; None for one that killed its workers and has to be tried alone."""
        if future.status == "finished":
            answer: Row | Refused = future.result()
            return answer
        if future.status in ("lost", "cancelled"):
            raise _lost(self._cluster, None)
        error = future.exception()
        if isinstance(error, self._distributed.scheduler.KilledWorker):
            if not alone:
                return None
            from zif_sweep.attempt import again, row_of

            why = f"its worker died each time, also when it was tried alone: {' '.join(str(error).split())}"
            return again(row_of(cell, 0.0, state="failed", reason=why, error="KilledWorker"))
        raise error

    def _there(self) -> list[str]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"])

    def _threads(self) -> int:
        """Threads of the workers that are taken; asked anew from time to time, for workers come and go."""
        if time.monotonic() - self._asked > _ASK_S:
            self._asked, self._count = time.monotonic(), self._count_threads()
        return self._count

    def _count_threads(self) -> int:
        info = self._client.scheduler_info(n_workers=-1)["workers"]
        return max(1, sum(int(worker["nthreads"]) for name, worker in info.items() if name not in self._refused))

    def _refuse(self, answer: Refused) -> None:
        if answer.worker not in self._refused:
            self._refused[answer.worker] = answer.why
            note(f"the worker {answer.worker} is refused: {answer.why}")
        self._check_left()

    def _check_left(self) -> None:
        if all(name in self._refused for name in self._there()):
            told = listed((f"{name}: {why}" for name, why in self._refused.items()), 3, between=". ")
            raise UsageError(
                f"every worker of {self._cluster or 'the cluster'} is refused. {told}. Install the same there"
            )


def work(cell: Cell, machine: Machine, alone: bool) -> Row | Refused:
    """A cell, on a worker."""
    from zif_sweep.isolated import alone as apart
    from zif_sweep.perform import perform

    why = machine.against(Machine.here())
    if why:
        return Refused(_own_address(), why)
    return apart(cell) if alone else perform(cell)


def _own_address() -> str:
    import distributed

    return str(distributed.get_worker().address)


def _refused_workers(client: Any, machine: Machine) -> dict[str, str]:
    """Why workers that are there are not taken, by address. Tells each on stderr."""
    refused = {}
    for name, answer in client.run(_look, on_error="return").items():
        why = machine.against(answer) if isinstance(answer, Machine) else f"zif-sweep does not work there: {answer}"
        if why:
            refused[name] = why
            note(f"the worker {name} is refused: {why}")
    return refused


def _look() -> Machine:
    return Machine.here()


@contextmanager
def _client(distributed: Any, jobs: int, cluster: str) -> Iterator[Any]:
    """A client of the scheduler, or of workers that are started here and end with this. Raises UsageError."""
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they tell in tracebacks is told here in a sentence
    if not cluster:
        import dask

        # A cell is done once more when its worker died, and no oftener: the next time it is tried by itself.
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
            ) as local,
            distributed.Client(local) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(cluster, timeout=_CONNECT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"no scheduler answers at {cluster}: start one with `dask scheduler`, or mend the address"
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            raise UsageError(
                f"the scheduler {cluster} has no worker: start one with `dask worker {cluster}`"
            ) from error
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def _lost(cluster: str, error: BaseException | None) -> ClusterLost:
    why = f" ({type(error).__name__})" if error is not None else ""
    return ClusterLost(f"the scheduler {cluster or 'of this machine'} went away{why}; what is finished is kept")


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UsageError(f"--jobs and --cluster run on Dask distributed: {to_install('zif-sweep[cluster]')}") from error
    return distributed
