"""What the fit leaves over: how long each graph took beside its prices, and how chips differ from their relatives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from zif.planning.costs.coefficients import GROUPS, WORDS, Table
from zif.planning.costs.kinds import FEATURES
from zif.targets import target

from benchmarks.fit.data import LATEST, Data, Row
from benchmarks.fit.solve import Floats

_SHRINK = 0.3  # of the covariance towards independent groups: thirteen chips are few


def took(rows: Sequence[Row], predicted: Floats) -> dict[tuple[str, str, str], float]:
    """By model, precision and runtime, median of measured over predicted in the latest release."""
    shares: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row, us in zip(rows, predicted, strict=True):
        if row.toolchain == LATEST:
            shares[row.model, row.precision, row.runtime].append(row.us / us)
    return {key: float(np.median(ratios)) for key, ratios in shares.items()}


def known(rows: Sequence[Row], predicted: Floats, data: Data) -> dict[str, Any]:
    """The graphs for the file: what they count, and what ONNX Runtime took beside their prices."""
    ratios = took(rows, predicted)
    graphs: dict[str, Any] = {}
    for name in sorted({row.model for row in rows}):
        words = {word: ratios[name, word, "onnx"] for word in WORDS if (name, word, "onnx") in ratios}
        if words:
            counts = {f: float(f"{c:.6g}") for f, c in zip(FEATURES, data.plain[name], strict=True) if c}
            graphs[name] = {"counts": counts, "took": {word: float(f"{x:.3g}") for word, x in words.items()}}
    return graphs


def covariance(content: Mapping[str, Any]) -> Floats:
    """float64[words * groups] square: each chip against what the table says of it when it is left out."""
    apart = np.array([_apart(content, chip) for chip in content["chips"]])
    there = np.isfinite(apart).astype(np.float64)
    filled = np.nan_to_num(apart)
    contents: Floats = filled.T @ filled / np.maximum(there.T @ there, 1.0)
    contents = (1 - _SHRINK) * contents + _SHRINK * np.diag(np.diag(contents))
    values, vectors = np.linalg.eigh(contents)
    whole: Floats = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    return whole


def _apart(content: Mapping[str, Any], chip: str) -> list[float]:
    rest = {name: fitted_chip for name, fitted_chip in content["chips"].items() if name != chip}
    table, errors = Table.of({**content, "chips": rest}), []
    for word in WORDS:
        own, told = content["chips"][chip]["scales"].get(word), table.at(target(chip), word)
        errors += [np.log(own[g] / told.slower[g]) if own and told is not None else np.nan for g in GROUPS]
    return errors
