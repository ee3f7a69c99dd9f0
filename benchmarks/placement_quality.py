"""How good placements are, on real graphs: `python benchmarks/placement_quality.py [--settings N] [--sweep]`.

Graphs without weights (the shared architectures), onnx's light models and the zoo's real ones; costs from one plain
roofline; support by profile (`probed`: what Qualcomm's compiler says for a Snapdragon 8 Gen 3), over accelerator 2 to
20 times as fast as the CPU, launch 20 to 500 us, link 2 to 20 GB/s. All figures are predictions under that one cost
model. The optimum is proven by HiGHS for two backends (where it runs out of time, its lower bound stands in, so what is
printed is then too pessimistic); for three it is always a lower bound.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from placing.graphs import PROFILES, SWEEP, Graph, Setting, graphs, three, two
from rich.console import Console
from rich.progress import track
from rich.table import Table
from zif.planning.placement import Cost, Problem, Solution, solve

Case = tuple[Graph, str, Setting]


class Result(NamedTuple):
    profile: str
    placed: Cost
    greedy: Cost
    cpu: float
    bound: float
    optimum: float
    proven: bool
    seconds: float


def exact() -> Any:
    """The exact solver, which the tests hold."""
    path = Path(__file__).parents[1] / "tests/planning/exact.py"
    spec = importlib.util.spec_from_file_location("exact", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["exact"] = module
    spec.loader.exec_module(module)
    return module


def sample(pool: Sequence[Graph], per_profile: int) -> list[Case]:
    """Equal numbers per profile, the same at every run."""
    rng = random.Random(20)
    cases: list[Case] = []
    for profile in PROFILES:
        every = [(graph, profile, setting) for graph in pool for setting in SWEEP]
        cases += rng.sample(every, min(per_profile, len(every)))
    return cases


def measure(case: Case, build: Callable[..., Problem], bound: Callable[..., Any] | None, limit: float) -> Result:
    graph, profile, setting = case
    problem = build(graph, profile, setting)
    start = time.perf_counter()
    solution = solve(problem)
    seconds = time.perf_counter() - start
    never_above(case, solution)
    names = dict(solution.candidates)
    proven = bound(problem, limit, 1e-5) if bound is not None else None
    lower = solution.lower_bound if proven is None else proven.lower
    sure = proven is not None and proven.upper <= proven.lower * (1 + 1e-4)
    cpu = names["only:cpu"].total
    return Result(profile, solution.cost, names["greedy"], cpu, solution.lower_bound, lower, sure, seconds)


def never_above(case: Case, solution: Solution) -> None:
    for name, cost in solution.candidates:
        if solution.cost.total > cost.total:
            sys.exit(f"{case[0].name}, {case[1]}, {case[2]}: placed at {solution.cost.total}, dearer than {name}")


def quality(title: str, results: list[Result]) -> Table:
    table = Table("profile", "settings", "proven", title=title)
    for name in ("placed / optimum mean", "p90", "max", "equal"):
        table.add_column(name)
    for name in ("greedy / optimum p50", "p90", "max", "slower than CPU", "segments", "MB", "ms"):
        table.add_column(name)
    for profile in (*PROFILES, "all"):
        rows = [r for r in results if profile in (r.profile, "all")]
        table.add_row(profile, str(len(rows)), *_figures(rows), end_section=profile == PROFILES[-1])
    return table


def _figures(rows: list[Result]) -> list[str]:
    placed = np.array([r.placed.total / r.optimum for r in rows])
    greedy = np.array([r.greedy.total / r.optimum for r in rows])
    slower = np.mean([r.greedy.total > r.cpu * (1 + 1e-9) for r in rows])
    segments = [np.mean([getattr(r, who).segments for r in rows]) for who in ("greedy", "placed")]
    moved = [np.mean([getattr(r, who).transfer_bytes for r in rows]) for who in ("greedy", "placed")]
    return [
        f"{100 * np.mean([r.proven for r in rows]):.0f} %",
        *(f"{figure:.4f}" for figure in (placed.mean(), np.quantile(placed, 0.9), placed.max())),
        f"{100 * np.mean(placed < 1 + 2e-5):.0f} %",
        *(f"{figure:.2f}" for figure in (np.median(greedy), np.quantile(greedy, 0.9), greedy.max())),
        f"{100 * slower:.0f} %",
        f"{segments[0]:.1f} → {segments[1]:.1f}",
        f"{moved[0] / 1e6:.1f} → {moved[1] / 1e6:.1f}",
        f"{1e3 * np.mean([r.seconds for r in rows]):.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", type=int, default=20, help="per profile, two backends")
    parser.add_argument("--three", type=int, default=6, help="per profile, three backends")
    parser.add_argument("--largest", type=int, default=1200, help="leave out graphs of more units")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for the exact solver per setting")
    parser.add_argument("--sweep", action="store_true", help="all settings, against placed's own lower bound")
    options = parser.parse_args()
    pool = list(graphs(options.largest))
    console = Console(width=170)
    if not pool:
        console.print("no graphs: set ZIF_SHARED to the folder that holds data/graphs")
        return
    console.print(f"{len(pool)} graphs of {min(len(g.units) for g in pool)} to {max(len(g.units) for g in pool)} units")
    bound = exact().bound
    for title, build, count in (("two backends", two, options.settings), ("three backends", three, options.three)):
        cases = sample(pool, count)
        done = [measure(case, build, bound, options.limit) for case in track(cases, title, transient=True)]
        console.print(quality(f"{title}, a sample of the sweep", done))
        if build is two:
            own = np.array([r.placed.total / r.bound for r in done])
            console.print(f"bound that comes with the placement: mean {own.mean():.4f}, max {own.max():.4f} below it\n")
    if options.sweep:
        cases = sample(pool, len(pool) * len(SWEEP))
        done = [measure(case, two, None, 0.0) for case in track(cases, "sweep", transient=True)]
        console.print(quality("two backends, the whole sweep; 'optimum' is the placement's own lower bound", done))


if __name__ == "__main__":
    main()
