"""What a conversion made of its source, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zif.cli.views.compare import decibels
from zif.cli.views.terminal import say, table
from zif.files.wording import listed, things


def show(document: Mapping[str, Any]) -> None:
    """Print the document of `zif convert`."""
    table("", ("", "name", "in the source", "type", "shape"), [*_ports(document)])
    check = document["check"]
    if check["outputs"]:
        rows = [_row(row) for row in check["outputs"]]
        table("", ("output", "SQNR dB", "largest error", "same"), rows, right=("SQNR dB", "largest error", "same"))
    for line in (*document["layout"], *document["notes"]):
        say(f"note: {line}")
    say(f"{document['source']} is {document['what']}; converted by {document['tool']} ({document['toolchain']})")
    say(_operators(document))
    is_open = any(not isinstance(dim, int) for port in document["inputs"] for dim in port["shape"] or ())
    say(_sentence(check, is_open), style="yellow" if check["skipped"] else "")
    told = "; made before, from the cache" if document["cached"] else ""
    say(f"wrote {document['model']}: opset {document['opset']}{_asked(document)}{told}")


def _ports(document: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [kind, (port["name"], "bold"), port["source"], port["type"], _shape(port["shape"])]
        for kind in ("inputs", "outputs")
        for port in document[kind]
    ]


def _shape(dims: Any) -> str:
    return "?" if dims is None else " × ".join("?" if dim is None else str(dim) for dim in dims) or "scalar"


def _row(row: Mapping[str, Any]) -> list[Any]:
    largest = "" if row["max_abs"] is None else f"{row['max_abs']:.3g}"
    same = "" if row["agreement"] is None else f"{row['agreement']:.1%}"
    return [(row["name"], "bold"), "exact" if row["equal"] else decibels(row["sqnr_db"]), largest, same]


def _operators(document: Mapping[str, Any]) -> str:
    counts = sorted(document["operators"].items(), key=lambda pair: (-pair[1], pair[0]))
    return f"{things(sum(document['operators'].values()), 'operator')}: " + listed(
        (f"{count} {name}" for name, count in counts), 6
    )


def _sentence(check: Mapping[str, Any], is_open: bool) -> str:
    if check["skipped"]:
        return f"not compared with its source: {check['skipped']}"
    samples = f"{things(check['samples'], 'sample')} made from seeds"
    sizes = f", and with {check['resized']}" if check["resized"] else ""
    alone = ", at one size: its source took no other" if is_open and not sizes else ""
    rows = f"; {things(check['reordered'], 'row')} of equal scores in another order" if check["reordered"] else ""
    return f"the same as its source ({check['against']}) on {samples}{sizes}{alone}{rows}"


def _asked(document: Mapping[str, Any]) -> str:
    asked = document["opset_asked"]
    return "" if not asked or asked == document["opset"] else f" (asked: {asked})"
