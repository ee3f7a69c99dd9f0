"""Fit the NPU's costs to measured latencies, score them honestly, and write the costs.json of zif-qnn-runtime.

    python -m benchmarks.fit [--data DIR] [--write] [--chips] [--quick]
    python -m benchmarks.fit --score [--data DIR]      # what zif as it is says, against any such folder
    python -m benchmarks.fit --plans CHIP … [--data DIR]  # the same through zif.plan, verdicts and all: a while

The folder holds aihub-latency.csv and graphs/*.onnx; default $ZIF_SHARED/data or ../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from zif.planning.costs import CostModel
from zif.targets import target

from benchmarks.fit import few, intervals, kin
from benchmarks.fit.data import LATEST, PRECISIONS, Data, Row, fitted, why_not
from benchmarks.fit.planned import planned
from benchmarks.fit.predict import by_chip, by_chip_and_family, by_core, judged
from benchmarks.fit.report import residuals, summary
from benchmarks.fit.solve import Fit
from benchmarks.fit.validate import baseline, by_family, chips_of
from benchmarks.fit.write import document, save

ROOT = Path(__file__).resolve().parents[2]
COSTS = ROOT / "plugins" / "qnn_runtime" / "src" / "zif_qnn_runtime" / "costs.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    options = _options(arguments)
    console = Console(width=160)
    data = Data.read(options.data)
    every = data.rows()
    rows = fitted(every)
    _say_what_is_left_out(every, console)
    if options.score:
        score(rows, data, console)
        others(every, data, console)
        return
    if options.plans:
        planned(rows, data, [target(name).name for name in options.plans], console)
        return
    fit = Fit(chips_of(rows)).fit(rows, data)
    unseen = fit.predict(rows, data) if options.quick else by_family(rows, data, fit)
    now = [i for i, row in enumerate(rows) if row.toolchain == LATEST]
    latest, said = [rows[i] for i in now], unseen[now]
    lines = {
        "this fit" if options.quick else "family left out": said,
        "MACs (line per chip)": baseline(latest, [data.macs[row.model] for row in latest]),
    }
    summary("the fit itself" if options.quick else "families left out", latest, lines, console)
    residuals(latest, said, console, "the fit itself" if options.quick else "the family left out of the fit")
    intervals.show("families left out", latest, said, console)
    latest_intervals = {"measured": intervals.shipped(latest, said)}
    if options.chips:
        latest_intervals |= chips(rows, data, fit, console)
    if options.write:
        content = document(fit, rows, unseen, _made(rows))
        rest = {
            "covariance": [[float(f"{x:.3g}") for x in line] for line in kin.covariance(content)],
            "known": kin.known(rows, fit.predict(rows, data), data),
        }
        save(content | {"intervals": latest_intervals} | rest, COSTS)
        console.print(f"wrote {COSTS}")


def score(rows: Sequence[Row], data: Data, console: Console) -> None:
    """What the shipped coefficients say of every row, and what a plan without a word of the runtime would."""
    content = json.loads(COSTS.read_text(encoding="utf-8"))
    plain = np.array([_as_planned(row, data) for row in rows])
    summary(
        "zif as shipped", rows, {"with the runtime": by_core(rows, data, content, {}), "as planned": plain}, console
    )
    residuals(rows, plain, console, "nothing left out")


def _as_planned(row: Row, data: Data) -> float:
    return CostModel(target(row.chip), ()).model_us(data.models[row.model], "npu", row.precision).us


def others(every: Sequence[Row], data: Data, console: Console) -> None:
    """The few rows of graphs that ran on the GPU or the CPU as a whole, against the roofline."""
    for row in every:
        if row.processor in ("gpu", "cpu"):
            precision = {"gpu": "fp16", "cpu": {"fp16": "fp32"}.get(row.precision, row.precision)}[row.processor]
            us = CostModel(target(row.chip), ()).model_us(data.models[row.model], row.processor, precision).us  # type: ignore[arg-type]
            console.print(
                f"{row.processor} {row.model} {row.table} {row.chip}: {us / row.us:.2f} × the measured {row.us:.0f} µs"
            )


def chips(rows: Sequence[Row], data: Data, whole: Fit, console: Console) -> dict[str, dict[str, list[float]]]:
    """Chips left out: with the rates that chips.json has of them, from one model, and with the architecture alone.

    Also with families left out beside, and after a few runs of a user. Gives the intervals for such chips.
    """
    kept = [i for i, row in enumerate(rows) if judged(row)]
    part = [rows[i] for i in kept]
    alone, (both, few_of_both) = by_chip(rows, data, whole), by_chip_and_family(rows, data, whole)
    lines = {name: predicted[kept] for name, predicted in alone.by.items()} | {"and families": both[kept]}
    summary("chips left out", part, lines, console)
    intervals.show("chips and families left out", part, both[kept], console)
    few.shown(
        "median error on a chip left out, after runs of models; graphs seen elsewhere", alone.graphs_known, console
    )
    few.shown("the same, of families that nobody has seen", {3: few_of_both}, console)
    words = np.array(few_of_both.words)
    after = {
        word: intervals.rounded(intervals.between(few_of_both.after[words == word]))
        for word in PRECISIONS.values()
        if (words == word).any()
    }
    return {"relative": intervals.shipped(part, both[kept]), "corrected": after}


def _made(rows: Sequence[Row]) -> dict[str, str]:
    models, names = len({row.model for row in rows}), len({row.chip for row in rows})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m benchmarks.fit --write",
        "source": "on-device latencies published in qai-hub-models 0.65.0 (BSD-3-Clause, Qualcomm Technologies, Inc.)",
        "rows": f"{len(rows)} NPU rows of {models} models on {names} chips",
        "errors": "each family of models predicted by a fit to the other families",
    }


def _say_what_is_left_out(every: Sequence[Row], console: Console) -> None:
    reasons = Counter(why_not(row) or f"ran on the {row.processor}" for row in every if row not in fitted([row]))
    for reason, count in reasons.items():
        console.print(f"left out: {count} rows, {reason}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    shared = Path(os.environ.get("ZIF_SHARED", ROOT.parent / "shared")) / "data"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=shared, help="folder with aihub-latency.csv and graphs/")
    parser.add_argument("--write", action="store_true", help=f"write {COSTS.name} beside the chips of zif-qnn-runtime")
    parser.add_argument("--plans", nargs="+", metavar="CHIP", help="fit nothing: score what zif.plan says for chips")
    parser.add_argument("--chips", action="store_true", help="also leave each chip out")
    parser.add_argument(
        "--quick", action="store_true", help="skip leaving families out; errors are then those of the fit"
    )
    parser.add_argument("--score", action="store_true", help="fit nothing: score what is shipped")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
