"""A segment in the simulator of rknn-toolkit2, which builds it from the graph again: it cannot open an .rknn file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zif import StageFailed
from zif.plugin import write_whole

from zif_rockchip import logs
from zif_rockchip.executable import RknnExecutable
from zif_rockchip.job import Job
from zif_rockchip.segment import BUILD, GRAPH, Segment, checked
from zif_rockchip.toolkit_process import Bench

if TYPE_CHECKING:
    from zif import Compiled
    from zif.plugin import Array

    from zif_rockchip.job import Outcome

NOTE = "simulated on this machine from the toolkit's graph: the numbers of the precision, not the chip's, and no times"


def load(compiled: Compiled, segment: Segment) -> RknnExecutable:
    """Build and start it. Raises InvalidBundle for a damaged artifact, StageFailed with what the toolkit said."""
    data = checked(compiled, segment, GRAPH)
    bench = Bench()
    try:
        file = bench.folder / GRAPH
        write_whole(file, data)
        _checked("build", bench.build(Job(file, segment.platform, **{name: getattr(segment, name) for name in BUILD})))
        _checked("start", bench.simulate())
    except BaseException:
        bench.close()
        raise
    return RknnExecutable(_Simulator(bench), compiled, segment, (NOTE,))


class _Simulator:
    """An engine; see `zif_rockchip.executable.Engine`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def compute(self, arrays: list[Array]) -> Sequence[Array]:
        outcome, made = self._bench.run(arrays)
        _checked("run", outcome)
        return made

    def close(self) -> None:
        self._bench.close()


def _checked(step: str, outcome: Outcome) -> None:
    if outcome.error:
        raise StageFailed(f"rknn-toolkit2's simulator could not {step}: {logs.complaint(outcome.error, outcome.log)}")
