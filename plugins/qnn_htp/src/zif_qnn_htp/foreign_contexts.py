"""Context binaries that others made: EPContext nodes of a model, as zif's own export or ONNX Runtime wrote them.

Nothing is compiled: the artifact is the nodes with their binaries as they are. What they are for stands in the model's
`ep_compatibility_info`, and is judged as a bundle's artifacts are.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import onnx
from attrs import frozen
from zif import BackendUnavailable, Compiled, Converted, Obstacle, Unsupported, Verdict
from zif.plugin import attribute, content_of, targets
from zif_qnn_runtime import ContextInfo, figures, find, qnn_version, told

from zif_qnn_htp.fit import Made, grade
from zif_qnn_htp.segment import FORMAT, SEGMENT, Segment

if TYPE_CHECKING:
    from zif import Model, Target, Unit

    from zif_qnn_htp.chips import Chip

CONTEXT, SOURCE, BACKEND_ID = "EPContext", "QNNExecutionProvider", 6
#: As ONNX Runtime wrote it once, and writes it.
_SOURCES = frozenset({"qnn", "qnnexecutionprovider"})
_BINARY, _EMBEDDED, _MAIN = "ep_cache_context", "embed_mode", "main_context"
_BESIDE = Verdict(
    False,
    "declared",
    "op",
    "beside a part that was compiled elsewhere the NPU takes nothing: Qualcomm's provider has no compiler then",
)


@frozen(eq=False)
class Taken:
    """What `convert` hands to `compile`: the wrapper, and its binaries by name."""

    wrapper: onnx.ModelProto
    binaries: Mapping[str, bytes]
    made: Made


def units(model: Model) -> list[Unit]:
    """The units that were compiled elsewhere."""
    return [unit for unit in model.units if unit.op_type == CONTEXT and unit.domain == "com.microsoft"]


def verdicts(model: Model, chip: Chip) -> dict[str, Verdict]:
    """One for every unit of a model in which some were compiled elsewhere."""
    theirs = {unit.id for unit in units(model)}
    return {unit.id: _verdict(model, unit, chip) if unit.id in theirs else _BESIDE for unit in model.units}


def convert(model: Model, chip: Chip) -> Converted:
    """The nodes with their binaries. Raises InvalidModel for one that is missing, Unsupported for another chip's."""
    rows = [(unit, _verdict(model, unit, chip)) for unit in model.units]
    wrong = [
        Obstacle(row.id, row.op_type, "qnn_htp", said.code, said.reason) for row, said in rows if not said.supported
    ]
    if wrong:
        raise Unsupported(f"{model.name}: {wrong[0].unit} does not run on {chip.title}: {wrong[0].reason}", wrong)
    files, wrapper = model.external_files(), onnx.ModelProto()
    wrapper.CopyFrom(model.proto)
    binaries: dict[str, bytes] = {}
    for node in wrapper.graph.node:
        _place(node, files, binaries)
    made = made_by(model.proto)
    return Converted("onnx", Taken(wrapper, binaries, made), model.inputs, model.outputs, _notes(made, chip))


def compiled(converted: Converted) -> Compiled:
    """The artifact, which is what was there already."""
    taken: Taken = converted.data
    wrapper, made = "context.onnx", taken.made
    files = {wrapper: taken.wrapper.SerializeToString(), **taken.binaries}
    segment = Segment(
        wrapper=wrapper,
        qnn=made.qnn,
        soc_model=made.soc_model,
        htp_arch=made.arch,
        inputs=tuple(info.name for info in converted.inputs),
        baked=(),
        crc32={name: zlib.crc32(content) for name, content in files.items()},
        vtcm_mb=made.vtcm_mb,
    )
    files[SEGMENT] = segment.to_json()
    return Compiled(FORMAT, files, SEGMENT, converted.inputs, converted.outputs, converted.notes)


def fit(model: onnx.ModelProto, chip: Target) -> tuple[str, str, int]:
    """A grade, what differs, and by how many versions of Hexagon: what EPContext nodes are worth on a chip."""
    if _facts(model).backend not in (None, BACKEND_ID):
        return "recompile", "it was compiled for another of QNN's backends than the HTP", 0
    made, own = made_by(model), figures(chip)
    free = chip.is_host and own.htp_arch is None
    word, reason = _released(made) or (
        ("optimal", "") if free else grade(made, own.soc_model, own.htp_arch, own.vtcm_mb, chip.title or chip.name)
    )
    return word, reason, 0 if free else abs((own.htp_arch or 0) - (made.arch or 0))


def made_by(model: onnx.ModelProto) -> Made:
    """For which chip and by which release; compiled on a PC, the Hexagon is that of the chip."""
    info = _facts(model)
    same = [chip for chip in map(figures, targets()) if info.soc_model and chip.soc_model == info.soc_model]
    arch, vtcm = (same[0].htp_arch, same[0].vtcm_mb) if same else (None, None)
    return Made(
        info.qnn_version or _release(model), info.soc_model or None, info.htp_arch or arch, info.vtcm_mb or vtcm
    )


def _facts(model: onnx.ModelProto) -> ContextInfo:
    """What the model says of its binaries, without those."""
    graph = onnx.GraphProto(node=[onnx.NodeProto(op_type=CONTEXT)])
    return told(onnx.ModelProto(metadata_props=model.metadata_props, graph=graph))


def _release(model: onnx.ModelProto) -> str:
    """The release as a node tells it: "v2.51.0.260929181845"; "" where none does."""
    words = (attribute(node, "ep_sdk_version", "") for node in model.graph.node if node.op_type == CONTEXT)
    return ".".join(next(filter(None, words), "").lstrip("v").split(".")[:3])


def _verdict(model: Model, unit: Unit, chip: Chip) -> Verdict:
    node = model.proto.graph.node[unit.nodes[0]]
    source = attribute(node, "source", "")
    if source.lower() not in _SOURCES:
        return Verdict(
            False, "declared", "op", f"it was compiled by {source or 'nobody that it names'}, not by {SOURCE}"
        )
    if _facts(model.proto).backend not in (None, BACKEND_ID):
        return Verdict(False, "declared", "op", "it was compiled for another of QNN's backends than the HTP")
    if unit.weights:
        return Verdict(False, "declared", "op", f"it reads the constant {unit.weights[0]!r}, which a binary has inside")
    word, reason = _grade(made_by(model.proto), chip)
    if word == "recompile":
        return Verdict(False, "declared", "unavailable", f"{reason}: compile the model for {chip.title}")
    return Verdict(True, "declared", reason=reason or "it was compiled for this NPU elsewhere")


def _grade(made: Made, chip: Chip) -> tuple[str, str]:
    """As a bundle's artifact: where no chip was named, the emulator runs what is for any chip."""
    other = _released(made)
    if other:
        return other
    if chip.remark or chip.arch is None:
        return "optimal", ""
    return grade(made, chip.soc_model, chip.arch, chip.vtcm_mb, chip.title)


def _released(made: Made) -> tuple[str, str] | None:
    """That another release compiled it than the one that is here; None where it is the same, or none is here."""
    library = find("htp")
    here = qnn_version(library.path) if library.path else ""
    if not here or made.qnn == here:
        return None
    what = f"by QNN {made.qnn}" if made.qnn else "by a release of QNN that it does not name"
    return "recompile", f"it was compiled {what}, and QNN {here} is here"


def _notes(made: Made, chip: Chip) -> tuple[str, ...]:
    word, reason = _grade(made, chip)
    taken = "compiled elsewhere: its binary is taken as it is"
    return (taken, reason) if word == "works" else (taken,)


def _place(node: onnx.NodeProto, files: Mapping[str, object], binaries: dict[str, bytes]) -> None:
    """Name a node's binary for where it lies in the artifact. One that several have, only the first names."""
    held = b""
    for each in node.attribute:  # a binary, which is no text
        held = each.s if each.name == _BINARY else held
    data = held if attribute(node, _EMBEDDED, 1) else content_of(files[held.decode()])  # type: ignore[arg-type]
    if not data:
        raise BackendUnavailable(f"the binary of {node.name} is empty: copy it again")
    known = next((name for name, content in binaries.items() if content == data), "")
    name = known or f"context_{len(binaries)}.bin"
    binaries[name] = data
    kept = [each for each in node.attribute if each.name not in (_BINARY, _EMBEDDED, _MAIN)]
    told_now = [onnx.helper.make_attribute(_EMBEDDED, 0), onnx.helper.make_attribute(_MAIN, int(not known))]
    told_now += [] if known else [onnx.helper.make_attribute(_BINARY, name)]
    copies = [onnx.AttributeProto.FromString(each.SerializeToString()) for each in (*kept, *told_now)]
    del node.attribute[:]
    node.attribute.extend(copies)
