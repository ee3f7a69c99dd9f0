"""How long placing takes, and how it grows: `python benchmarks/placement.py [--repeat N]`.

Times are CPU seconds of `solve` (one thread, so wall seconds where nothing else runs), segmentation included, from
fresh arrays; the best of the repeats. Small graphs get more rounds of search than large ones, so growth is seen from
10,000 to 100,000. Beside it, quoted and not run here: torch.fx's CapabilityBasedPartitioner, torch 2.14.1 on the same
kind of machine (2 cores of an AMD EPYC).
"""

from __future__ import annotations

import argparse
import time

from attrs import evolve
from placing.synthetic import SHAPES, synthetic
from rich.console import Console
from rich.table import Table
from zif.planning.placement import Problem, Solution, solve

SIZES = (1_000, 2_000, 10_000, 100_000)
TORCH_FX = {
    "chain": {250: 0.08, 500: 0.43, 1_000: 2.8, 2_000: 23.2},
    "diamond": {250: 0.08, 500: 0.77, 1_000: 5.9, 2_000: 42.0},
}


def timed(problem: Problem, repeat: int) -> tuple[float, Solution]:
    best, solution = float("inf"), None
    for _ in range(repeat):
        fresh = evolve(problem)  # nothing derived is kept from the run before
        start = time.process_time()
        solution = solve(fresh)
        best = min(best, time.process_time() - start)
    assert solution is not None
    return best, solution


def row(n: int, shape: str, k: int, repeat: int, before: tuple[int, float] | None) -> tuple[float, list[str]]:
    problem = synthetic(n, shape, k)
    seconds, solution = timed(problem, repeat)
    greedy = dict(solution.candidates)["greedy"]
    growth = "" if before is None else f"x{seconds / before[1]:.1f} for x{n / before[0]:.0f}"
    fx = TORCH_FX.get(shape, {}).get(n) if k == 2 else None
    bound = f"{100 * (solution.cost.total / solution.lower_bound - 1):.2f} %" if k == 2 else ""
    cells = [f"{n:,}", f"{len(problem.graph.links[0]):,}", f"{seconds:.3f}", f"{1e6 * seconds / n:.1f}", growth]
    cells += [f"{fx:g}" if fx else "", f"{greedy.segments:,} → {solution.cost.segments:,}"]
    return seconds, [*cells, f"{greedy.total / solution.cost.total:.2f}", bound]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    solve(synthetic(50, "random", 3))  # scipy is imported when it is first needed
    console = Console(width=140)
    for k in (2, 3):
        table = Table("shape", "units", "links", "solve CPU s", "us/unit", "growth", title=f"{k} backends")
        for extra in ("torch.fx s (quoted)", "segments greedy → placed", "greedy / placed", "above proven bound"):
            table.add_column(extra)
        for shape in SHAPES:
            before = None
            for n in SIZES:
                seconds, cells = row(n, shape, k, options.repeat, before)
                before = (n, seconds)
                table.add_row(shape, *cells)
        console.print(table)


if __name__ == "__main__":
    main()
