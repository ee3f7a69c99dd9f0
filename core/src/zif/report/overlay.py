"""Overlays: the plan inside the viewers that people already use, Netron and Model Explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.report.colours import colours

if TYPE_CHECKING:
    import onnx

    from zif.model import Model
    from zif.planning import Plan


def annotated(plan: Plan, model: Model) -> onnx.ModelProto:
    """A copy of the model in which every node says where it runs and why, as metadata (Netron shows it per node).

    Keys: `zif.backend`, `zif.kind`, `zif.segment`, `zif.reason`, `zif.cost_us`. Weights stay where they are.
    """
    import onnx

    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    places = {unit.name: unit for unit in plan.units}
    for unit in model.units:
        placed = places[unit.id]
        verdict = placed.verdicts[placed.backend]
        notes = {"zif.backend": placed.backend, "zif.segment": str(placed.segment), "zif.reason": verdict.reason}
        notes["zif.kind"] = plan.segments[placed.segment].shown
        notes["zif.cost_us"] = "" if verdict.cost_us is None else f"{verdict.cost_us:g}"
        for index in unit.nodes:
            for key, value in notes.items():
                proto.graph.node[index].metadata_props.add(key=key, value=value)
    proto.metadata_props.add(key="zif.plan", value=f"target {plan.target}, policy {plan.policy}")
    return proto


def node_data(plan: Plan, model: Model) -> dict[str, Any]:
    """Node data for Model Explorer (its "custom node data" JSON): the backend as value and colour.

    By graph name {results: {node: {value, bgColor, textColor}}}, as its `NodeDataProviderGraphData` has it; a node is
    found by its name, which its ONNX adapter takes for the id, or by what it makes. Layers show how many of their nodes
    each backend has.
    """
    shades = colours(plan)
    results: dict[str, Any] = {}
    places = {unit.name: unit for unit in plan.units}
    for unit in model.units:
        placed = places[unit.id]
        entry = {"value": placed.backend, "bgColor": shades[placed.backend], "textColor": "#FFFFFF"}
        for index in unit.nodes:
            node = model.proto.graph.node[index]
            results.update({key: entry for key in (node.name, *node.output) if key})
    shown = dict.fromkeys(("showExpandedSummaryOnGroupNode", "showLabelCountColumnsInChildrenStatsTable"), True)
    shown["hideInAggregatedStatsTable"] = True  # it is about numbers
    name = f"{plan.target}, {plan.policy}"
    return {model.proto.graph.name or model.name: {"name": name, "results": results, **shown}}
