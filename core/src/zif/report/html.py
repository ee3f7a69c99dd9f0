"""A plan as one self-contained HTML file: drawing, tables, every verdict; folded by segment, searchable, printable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from zif.files import wording
from zif.planning.why import steps
from zif.records import Basis
from zif.report.colours import colours
from zif.report.grouping import general
from zif.report.layout import Spot, edges_between, layers

if TYPE_CHECKING:
    import jinja2

    from zif.planning import Plan, Segment, UnitPlan


def plan_html(plan: Plan, measured: Mapping[str, Any] | None = None) -> str:
    """The page. No network, no external file; without JavaScript every table is still there.

    measured: a `zif.profile/1` document of this plan, which then stands in front; or `where` it was measured otherwise,
    and `nodes` as such a document has them, each with what is known of it (`place` instead of segment and backend).
    """
    if measured is not None and "ms" not in measured:
        rows = [_ROW | row for row in measured["nodes"]]
        measured = {"ms": None, "suggestions": (), "segments": (), **measured, "nodes": rows}
    return (
        environment()
        .get_template("plan.html.j2")
        .render(
            plan=plan,
            measured=measured,
            colours=colours(plan),
            asked=[candidate.name for candidate in plan.candidates if candidate.takes_part],
            counts=Counter(unit.backend for unit in plan.units),
            segments=_segments(plan),
            bases=_bases(plan),
            drawing=_drawing(plan),
            obstacles=_obstacles(plan),
            bars=_bars(plan),
            fig=wording,
            steps=steps,
            data=_data(plan),
        )
    )


#: A row of the table of nodes of which nothing is known.
_ROW: Mapping[str, Any] = {
    **dict.fromkeys(("name", "op_type", "code", "basis", "place", "backend"), ""),
    **dict.fromkeys(("segment", "cycles", "us", "predicted_us")),
    **{"operators": (), "others": (), "emulated": False},
}


@cache
def environment() -> jinja2.Environment:
    """Where the pages' templates are."""
    import jinja2

    loader = jinja2.PackageLoader("zif.report", "templates")
    undefined = jinja2.StrictUndefined
    return jinja2.Environment(
        loader=loader, autoescape=True, finalize=_shown, trim_blocks=True, lstrip_blocks=True, undefined=undefined
    )


def _shown(value: Any) -> Any:
    """What a place of the template holds: text of the model without what would move the words around it."""
    return value if type(value) is not str else wording.printable(value, lines=True)


def _segments(plan: Plan) -> list[dict[str, Any]]:
    """Each segment with its units (number and unit) and its most frequent operators."""
    members: dict[int, list[tuple[int, UnitPlan]]] = {segment.id: [] for segment in plan.segments}
    for number, unit in enumerate(plan.units):
        members[unit.segment].append((number, unit))
    return [
        {"segment": segment, "units": units, "ops": wording.operators(unit.op_type for _, unit in units)}
        for segment, units in ((segment, members[segment.id]) for segment in plan.segments)
    ]


def _bases(plan: Plan) -> list[dict[str, Any]]:
    """For each backend how many units it takes, refuses and does not know, and on which basis it says so."""
    said: dict[str, Counter[Any]] = {}
    for unit in plan.units:
        for name, verdict in unit.verdicts.items():
            said.setdefault(name, Counter()).update((verdict.supported, verdict.basis))
    words = (True, False, None, *get_args(Basis))
    return [{"backend": name, "counts": [counts[word] for word in words]} for name, counts in said.items()]


def _obstacles(plan: Plan) -> list[dict[str, Any]]:
    """Units that some backend does not run, grouped by backend, code and sentence, most frequent first."""
    groups: dict[tuple[str, str, str, str], list[UnitPlan]] = {}
    for unit in plan.units:
        for name, verdict in unit.verdicts.items():
            if name != unit.backend and not verdict.supported:
                key = (name, verdict.code, verdict.basis, general(verdict.reason, verdict.code, unit.name))
                groups.setdefault(key, []).append(unit)
    rows = [
        {
            "backend": name,
            "code": code,
            "basis": basis,
            "reason": units[0].verdicts[name].reason,
            "ops": wording.operators(unit.op_type for unit in units),
            "units": [unit.name for unit in units],
        }
        for (name, code, basis, _), units in groups.items()
    ]
    return sorted(rows, key=lambda row: (row["backend"], -len(row["units"])))


def _bars(plan: Plan) -> list[dict[str, Any]]:
    """This plan beside greedy placement and each single backend, as widths in percent.

    A bar ends at ten times this plan: one slow backend would leave nothing of the others to see.
    """
    predicted = plan.predicted
    rows = [("this plan", predicted.latency_us), ("greedy", predicted.greedy_latency_us)]
    rows += [(f"all on {name}", us) for name, us in predicted.single.items()]
    top = min(max(us for _, us in rows), 10 * predicted.latency_us) or 1.0
    return [{"name": name, "us": us, "width": min(100.0, 100 * us / top), "cut": us > top} for name, us in rows]


#: Geometry of the segment drawing, in SVG user units.
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 210, 54, 26, 34, 14


def _drawing(plan: Plan) -> dict[str, Any]:
    """The segments as boxes and the tensors between them as lines."""
    makers = {name: segment.id for segment in plan.segments for name in segment.outputs}
    edges = edges_between(makers, [(segment.id, segment.inputs) for segment in plan.segments])
    spots = layers(len(plan.segments), edges)
    widest = max((spot.width for spot in spots), default=1)
    middle = MARGIN + widest * (BOX_W + GAP_X) / 2
    boxes = [
        _box(segment, spot.row, middle + spot.column * (BOX_W + GAP_X))
        for segment, spot in zip(plan.segments, spots, strict=True)
    ]
    moved: Counter[int] = Counter()
    for transfer in plan.transfers:
        moved[makers.get(transfer.tensor, -1)] += transfer.bytes
    lines = [
        {
            "x1": boxes[a]["cx"],
            "y1": boxes[a]["y"] + BOX_H,
            "x2": boxes[b]["cx"],
            "y2": boxes[b]["y"],
            "moved": moved[a] > 0,
        }
        for a, b in edges
    ]
    height = max((box["y"] for box in boxes), default=0) + BOX_H + MARGIN
    return {"boxes": boxes, "lines": lines, "width": 2 * middle, "height": height, "w": BOX_W, "h": BOX_H}


def _box(segment: Segment, row: int, centre: float) -> dict[str, Any]:
    return {
        "id": segment.id,
        "cx": round(centre, 1),
        "x": round(centre - BOX_W / 2, 1),
        "y": MARGIN + row * (BOX_H + GAP_Y),
        "backend": segment.backend,
        "kind": segment.kind,
        "text": f"{wording.things(len(segment.units), 'unit')} · {wording.duration(segment.latency_us)}",
    }


def _data(plan: Plan) -> str:
    """What the script draws from, as JSON that is inert in HTML: per unit its name, operator and segment, its row and
    column in the whole graph and in its segment; the edges; the backend of each segment; the colours."""
    makers = {name: number for number, unit in enumerate(plan.units) for name in unit.outputs}
    edges = edges_between(makers, [(number, unit.inputs) for number, unit in enumerate(plan.units)])
    spots = layers(len(plan.units), edges)
    inside = _inside(plan, edges)
    units = [
        [unit.name, unit.op_type, unit.segment, spot.row, spot.column, local.row, local.column]
        for unit, spot, local in zip(plan.units, spots, inside, strict=True)
    ]
    homes = {segment.id: segment.backend for segment in plan.segments}
    data = {"units": units, "edges": edges, "segments": homes, "colours": colours(plan)}
    text = wording.json_text(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def _inside(plan: Plan, edges: Sequence[tuple[int, int]]) -> list[Spot]:
    """The spot of each unit in a drawing of its own segment."""
    sizes: Counter[int] = Counter()
    place = []
    for unit in plan.units:
        place.append(sizes[unit.segment])
        sizes[unit.segment] += 1
    own: dict[int, list[tuple[int, int]]] = {number: [] for number in sizes}
    for a, b in edges:
        if plan.units[a].segment == plan.units[b].segment:
            own[plan.units[a].segment].append((place[a], place[b]))
    spots = {number: layers(size, own[number]) for number, size in sizes.items()}
    return [spots[unit.segment][at] for unit, at in zip(plan.units, place, strict=True)]
