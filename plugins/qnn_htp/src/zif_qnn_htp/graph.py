"""A model as Qualcomm's compiler for the HTP takes it: what it fuses or encodes wrongly is written otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zif_qnn_runtime.graph import QnnGraph, open_shape
from zif_qnn_runtime.graph import build as _build

from zif_qnn_htp.rewrites.biases import quantize
from zif_qnn_htp.rewrites.casts import spell_out
from zif_qnn_htp.rewrites.coarser import coarsen
from zif_qnn_htp.rewrites.copies import copy
from zif_qnn_htp.rewrites.divisors import quarter
from zif_qnn_htp.rewrites.encodings import fix
from zif_qnn_htp.rewrites.finer import widen
from zif_qnn_htp.rewrites.gates import part
from zif_qnn_htp.rewrites.gathering import line_up
from zif_qnn_htp.rewrites.hardswish import unfuse
from zif_qnn_htp.rewrites.in_floats import spell
from zif_qnn_htp.rewrites.indices import wrap
from zif_qnn_htp.rewrites.narrowing import narrow
from zif_qnn_htp.rewrites.picking import flatten
from zif_qnn_htp.rewrites.probabilities import spell_probabilities
from zif_qnn_htp.rewrites.recurrent import unroll
from zif_qnn_htp.rewrites.reencoding import separate
from zif_qnn_htp.rewrites.squares import scale
from zif_qnn_htp.rewrites.taming import tame
from zif_qnn_htp.rewrites.windows import lay

if TYPE_CHECKING:
    import onnx
    from zif import Model


def build(model: Model, *, invent_weights: bool = False, wild: dict[str, str] | None = None) -> QnnGraph:
    """The compiler's form of a model; see `zif_qnn_runtime.graph.build`.

    wild gets, by the ids of units, why they would be computed wrongly for some values all the same.
    """
    too_wild = {} if wild is None else wild
    return _build(model, invent_weights=invent_weights, rewrite=lambda graph, model: _rewrite(graph, model, too_wild))


def _rewrite(graph: onnx.GraphProto, model: Model, wild: dict[str, str]) -> Mapping[str, str]:
    unfuse(graph)
    probabilities = spell_probabilities(graph, model)  # first: what it writes is tamed like any other
    tamed = tame(graph, model)
    cast = spell_out(graph, model)
    steps, left = unroll(graph, model)
    biases, unfit = quantize(graph, model)
    wild.update(tamed.wild | cast.wild | left | unfit)
    copied = copy(graph, model)  # first: it asks the model about values, which conversions are not in
    laid = lay(graph, model) | part(graph, model) | steps
    picked = wrap(graph, model) | line_up(graph, model) | flatten(graph, model)
    kinds = {name: info.dtype for name, info in model.tensors.items()}
    roots = scale(graph, kinds, _in_floats(model), model.opsets.get("", 1))
    roots |= quarter(graph, model)
    spelled = spell(graph, model)
    fixed = fix(graph, model) | widen(graph, model)
    fixed |= coarsen(graph, model)  # behind widen, whose finer steps may be too fine
    added = tamed.added | cast.added | probabilities | narrow(graph, model)
    return biases | spelled | fixed | copied | laid | separate(graph, model) | picked | roots | added


def _in_floats(model: Model) -> dict[str, tuple[str, str]]:
    """The unit of every node that is computed in floats, by the node's name: of those that quantize nothing."""
    nodes, in_floats = model.proto.graph.node, dict[str, tuple[str, str]]()
    for unit in model.units:
        if all(nodes[place].op_type != "QuantizeLinear" for place in unit.nodes):
            in_floats.update((nodes[place].name, (unit.id, unit.op_type)) for place in unit.nodes)
    return in_floats


__all__ = ["QnnGraph", "build", "open_shape"]
