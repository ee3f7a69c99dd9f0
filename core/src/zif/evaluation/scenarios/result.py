"""What was asked of a session under load, and what the load generator made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Factory, asdict, frozen

#: What the generator's log says of a result begins so.
_TOLD = ("result_", "early_stopping_met")
#: So many queries are needed to be sure of the percentile that counts, by the generator's rule for early stopping.
NEEDED = {"single-stream": 100, "multi-stream": 700, "server": 700, "offline": 1}

#: The scenarios, with what the load generator calls each and what it counts.
SCENARIOS = {
    "single-stream": ("SingleStream", "one query after the other; the 90th percentile of latency counts"),
    "multi-stream": ("MultiStream", "queries of several samples, one after the other; the 99th percentile counts"),
    "server": ("Server", "queries come at random times at a rate; it must keep to the latency"),
    "offline": ("Offline", "all samples at once; samples per second count"),
}


@frozen
class Load:
    """What a scenario is run with.

    seconds and queries: the least of each; 0 queries: what the scenario needs to be sure of its percentile. qps: of
    "server", queries a second; 0: half of what runs one by one come to. latency_ms: of "server", what 99 % must keep
    to. streams: samples in a query of "multi-stream". workers: threads that run the session. accuracy: every sample
    once, for its outputs.
    """

    scenario: str
    seconds: float = 10.0
    queries: int = 0
    qps: float = 0.0
    latency_ms: float = 100.0
    streams: int = 8
    workers: int = 1
    accuracy: bool = False


@frozen
class Outcome:
    """What came of it. valid: by the load generator's own rules; reasons: why it is not.

    latency_ms: of queries, "min", "mean", "max" and percentiles such as "p90". samples_per_second: completed. figures:
    everything that the generator's log says of its result, by its own names.
    """

    load: Load
    samples: int
    valid: bool
    reasons: tuple[str, ...]
    queries: int
    latency_ms: Mapping[str, float]
    samples_per_second: float | None
    generator: str
    figures: Mapping[str, Any] = Factory(dict)

    def to_json(self) -> dict[str, Any]:
        """As plain dicts."""
        return asdict(self)


def outcome(load: Load, samples: int, log: Mapping[str, Any], seconds: float) -> Outcome:
    """The outcome that the generator's detailed log tells; log: its values by key. seconds: that it took in all."""
    figures = {key.removeprefix("result_"): value for key, value in log.items() if key.startswith(_TOLD)}
    kind = "per_query_latency_ns" if any(key.endswith("per_query_latency_ns") for key in figures) else "latency_ns"
    named = {name: figures.get(f"{name}_latency_ns") for name in ("min", "mean", "max")}
    latency = {name: ns / 1e6 for name, ns in named.items() if ns is not None}
    for key, value in figures.items():
        if key.endswith(f"percentile_{kind}"):
            latency[f"p{float(key.split('_')[0]):g}"] = value / 1e6
    known = [
        figures[key]
        for key in ("completed_samples_per_sec", "samples_per_second", "qps_with_loadgen_overhead")
        if key in figures
    ]
    queries = int(figures.get("query_count", samples if load.accuracy else 0))
    rate = float(known[0]) if known else queries * _each(load) / seconds if seconds > 0 else None
    valid = figures.get("validity", "VALID" if load.accuracy else "INVALID") == "VALID"
    version = str(log.get("loadgen_version", ""))
    return Outcome(load, samples, valid, _reasons(figures), queries, latency, rate, version, figures)


def _each(load: Load) -> int:
    return load.streams if load.scenario == "multi-stream" else 1


def _reasons(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """What was not met, in words."""
    words = {
        "perf_constraints_met": "too many queries took longer than the latency allows",
        "min_duration_met": "it was over before the least duration",
        "min_queries_met": "there were too few queries",
        "early_stopping_met": "there were too few queries to be sure of the percentile",
    }
    return tuple(text for key, text in words.items() if figures.get(key) is False)
