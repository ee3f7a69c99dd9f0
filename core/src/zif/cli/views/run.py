"""A run on a terminal: outputs, where the time went, what was emulated, what happened besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zif.cli.views.plan import KIND_STYLE
from zif.cli.views.terminal import say, table
from zif.files.wording import duration


def show(document: Mapping[str, Any]) -> None:
    """Print what the document of `zif run --json` holds."""
    say(f"{document['model']} on {document['target']}", style="bold")
    for result in document["results"]:
        _outputs(result)
    _segments(document["segments"])
    _times(document)
    if document["emulated"]:
        labels = {segment["backend"]: segment["label"] for segment in document["segments"] if segment["label"]}
        names = (f"{name}: {labels[name]}" if name in labels else name for name in document["emulated"])
        text = f"emulated here, not run on hardware: {', '.join(names)}"
        say(text, style=KIND_STYLE["emulator"])
    tell_events(document["events"])
    for note in document["notes"]:
        say(f"note: {note}")
    if document["trace"]:
        say(f"wrote {document['trace']}: ui.perfetto.dev shows it")
    if document.get("agreement"):
        _tell_agreement(document["agreement"])


def _tell_agreement(agreed: Mapping[str, Any]) -> None:
    """How far an emulator's outputs are from the CPU's, and what that means, in one sentence."""
    style = "bold red" if agreed["word"] in ("wrong", "unholdable") else None
    say(_agreement(agreed), style=style)


def _agreement(agreed: Mapping[str, Any]) -> str:
    if agreed["reason"]:
        return f"not held against the CPU: {agreed['reason']}"
    judge = " and ".join(agreed["judge"])
    if agreed["worst"] is None:
        return f"no output could be held against {judge}"
    worst, precision = agreed["outputs"][agreed["worst"]], agreed["precision"]
    told = f"{_figure(worst)} at {agreed['worst']}"
    least = worst.get("rounded_db")
    must = f", where {precision} must cost no more than {least} dB" if least is not None else ""
    if agreed["word"] == "wrong":
        return (
            f"WRONG beside the CPU ({judge}): {told}{must}. Do not believe these outputs: `zif compile` finds what is "
            "wrong and moves it, `zif verify` names the segment"
        )
    if agreed["word"] == "unholdable":
        return (
            f"{precision} does not hold this model on these inputs ({told} beside {judge}; rounding alone costs as "
            "much). Do not believe these outputs: `zif compile` moves what is wrong, `--min-precision fp32` all"
        )
    coarse = "; coarser than it has to be" if agreed["word"] == "coarse" else ""
    return f"beside the CPU ({judge}): {told}{must}{coarse}"


def _figure(worst: Mapping[str, Any]) -> str:
    if worst["not_finite"]:
        return f"{worst['not_finite']} elements are not finite on one side only"
    if worst["exact"]:
        return "exact"
    return f"{100 * (worst['agreement'] or 0):.4g} % equal" if worst["sqnr_db"] is None else f"{worst['sqnr_db']} dB"


def tell_events(events: Sequence[Mapping[str, Any]]) -> None:
    """A line for everything that happened besides."""
    for event in events:
        where = "" if event["segment"] is None else f", segment {event['segment']}"
        say(f"{event['kind']} ({event['backend']}{where}): {event['text']}")


def _outputs(result: Mapping[str, Any]) -> None:
    columns = ("output", "dtype", "shape", "min", "mean", "max", "")
    rows = [_cells(name, told) for name, told in result["outputs"].items()]
    title = f"{result['folder']}: {result['source']}" if result["folder"] else ""
    table(title, columns, rows, right=("min", "mean", "max"))
    for name, told in result["outputs"].items():
        if "top" in told:
            say(f"best of {name}: " + ", ".join(f"{place} ({score:.4g})" for place, score in told["top"]))
        if told["file"]:
            say(f"wrote {told['file']}")
    if result["bucket"]:
        say(_bucket(result["bucket"]))


def _bucket(bucket: Mapping[str, Any]) -> str:
    how = f"padded ({bucket['padding']}), and cut back" if bucket["padding"] else "which fits exactly"
    return f"bucket {bucket['label']}, {how}" if bucket["label"] else str(bucket["why"])


def _cells(name: str, told: Mapping[str, Any]) -> list[Any]:
    figures = [f"{told[key]:.5g}" if key in told else "" for key in ("min", "mean", "max")]
    odd = (f"{told['not_finite']} are not finite", "bold red") if "not_finite" in told else ""
    return [(name, "bold"), told["dtype"], str(told["shape"]), *figures, odd]


def _segments(segments: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        [segment["id"], (segment["backend"], "bold"), _kind(segment), segment["units"], f"{segment['ms']:.3f}"]
        for segment in segments
    ]
    table("", ("segment", "backend", "kind", "units", "ms"), rows, right=("segment", "units", "ms"))


def _kind(segment: Mapping[str, Any]) -> tuple[str, str]:
    return segment["label"] or segment["kind"], KIND_STYLE[segment["kind"]]


def _times(document: Mapping[str, Any]) -> None:
    told = document["times"]
    load = duration(document["load_ms"] * 1e3)
    work = "loading" if document["bundle"] else "planning, building and loading"
    if told["runs"] == 1:
        say(f"{document['total_ms']:.3f} ms, after {load} of {work}")
        return
    spread = f"{told['min_ms']:.3f} to {told['max_ms']:.3f}, the first {told['first_ms']:.3f}"
    say(f"{document['total_ms']:.3f} ms, the median of {told['runs']} runs ({spread}), after {load} of {work}")
