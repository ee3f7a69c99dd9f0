"""The fit as the file that stands beside the chips: readable, rounded, microseconds on a chip that everybody knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from zif.files.writing import write_whole
from zif.planning.costs.kinds import FEATURES
from zif.targets import target

from benchmarks.fit.data import PRECISIONS, RUNTIMES, Row
from benchmarks.fit.prior import GROUPS, PRIORS
from benchmarks.fit.solve import COUNTS, TOOLCHAINS, WORDS, Fit, Floats
from benchmarks.fit.validate import Score

REFERENCE = "snapdragon-8-gen-3"
#: The figure by which a chip that was not measured finds its nearest relatives.
GENERATION = {"vendor": "qualcomm", "figure": "htp_arch"}


def document(fit: Fit, rows: Sequence[Row], predicted: Floats | None, made: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content. `predicted`: float64[rows] by fits that did not see the row's model, for the errors."""
    scales, us = fit.scales(), fit.coefficients()
    reference = fit.chips.index(REFERENCE) if REFERENCE in fit.chips else 0
    unit = scales[reference].copy()
    group = [GROUPS.index(PRIORS[name].group) for name in COUNTS]
    shipped = {
        word: {name: _round(us[i, p] * unit[p, group[i]]) for i, name in enumerate(COUNTS)}
        for p, word in enumerate(WORDS)
    }
    seen = {(row.chip, row.precision) for row in rows}
    chips = {
        chip: {
            "generation": target(chip).vendor[GENERATION["vendor"]][GENERATION["figure"]],
            "scales": {
                word: {g: _round(scales[d, p, k] / unit[p, k]) for k, g in enumerate(GROUPS)}
                for p, word in enumerate(WORDS)
                if (chip, word) in seen
            },
        }
        for d, chip in enumerate(fit.chips)
        if chip in {name for name, _ in seen}
    }
    return {
        "schema": "zif.costs/1",
        "made": dict(made),
        "reference": fit.chips[reference],
        "generation": GENERATION,
        "counts": {"launch": "starting a segment", **FEATURES},
        "groups": {name: PRIORS[name].group for name in COUNTS},
        "microseconds": shipped,
        "chips": chips,
        "runtimes": _runtimes(fit, unit),
        "toolchains": _toolchains(fit),
        "errors": _errors(rows, predicted) if predicted is not None else {},
    }


def _runtimes(fit: Fit, unit: Floats) -> dict[str, Any]:
    """What the other runtimes of the table take beside ONNX Runtime; only the fit tool reads this."""
    factor, input_us = fit.runtimes()
    vector = GROUPS.index("vector")
    return {
        runtime: {
            word: {"factor": _round(factor[r, p]), "input_us_per_million": _round(input_us[r, p] * unit[p, vector])}
            for p, word in enumerate(WORDS)
        }
        for r, runtime in enumerate(RUNTIMES)
    }


def _toolchains(fit: Fit) -> dict[str, Any]:
    """How many times as long a model takes as with the latest version, in the median of what the data says."""
    factors = fit.toolchains()
    return {
        version: {word: _round(factors[v, p]) for p, word in enumerate(WORDS)} for v, version in enumerate(TOOLCHAINS)
    }


def _errors(rows: Sequence[Row], predicted: Floats) -> dict[str, Any]:
    """By precision and chip ("all" for all): every model predicted by a fit that had not seen it."""
    errors: dict[str, Any] = {}
    for word in PRECISIONS.values():
        chips = sorted({row.chip for row in rows if row.precision == word})
        if chips:
            errors[word] = {chip: _error(rows, predicted, word, chip) for chip in ("all", *chips)}
    return errors


def _error(rows: Sequence[Row], predicted: Floats, word: str, chip: str) -> dict[str, Any]:
    inside = [i for i, row in enumerate(rows) if row.precision == word and chip in ("all", row.chip)]
    score = Score.of(np.array([rows[i].us for i in inside]), predicted[inside])
    return {"rows": score.n, "median": _round(score.error), "p90": _round(score.p90), "spearman": _round(score.rank)}


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write whole or not at all; one line per leaf table, so that changes can be read."""
    text = _dump(content) + "\n"
    json.loads(text)
    write_whole(path, text)


def _dump(value: Any, indent: int = 0) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or len(flat) + indent <= 110:
        return flat
    pad = " " * (indent + 2)
    lines = ",\n".join(f"{pad}{json.dumps(key)}: {_dump(item, indent + 2)}" for key, item in value.items())
    return "{\n" + lines + "\n" + " " * indent + "}"
