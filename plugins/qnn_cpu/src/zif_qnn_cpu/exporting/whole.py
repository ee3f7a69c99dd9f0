"""A plan's segments as one ONNX model, and the files that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif import Unsupported
from zif.plugin import Exported, OnnxForm, attribute, content_of, from_array, listed

from zif_qnn_cpu.exporting.joining import join
from zif_qnn_cpu.exporting.weights import put_outside

if TYPE_CHECKING:
    import onnx
    from zif.plugin import Export

CONTEXT, BINARY, EMBED, SOURCE = "EPContext", "ep_cache_context", "embed_mode", "source"
#: In the model's metadata: the providers under which it runs as it was planned.
PROVIDERS, CPU = "zif.providers", "CPUExecutionProvider"


def export(job: Export, embed: bool) -> Exported:
    """The files of the model, `job.output.name` among them. Raises Unsupported for a segment that has no ONNX form."""
    forms = [_form(job, number) for number in range(len(job.plan.segments))]
    stem = Path(job.output.name).stem
    files: dict[str, bytes | Path] = {}
    for segment, form in zip(job.plan.segments, forms, strict=True):
        files |= _place(form, f"{stem}_{segment.id:02d}", embed)
    known = [from_array(array, name) for name, array in job.constants().items()]
    model = join(job, forms, known)
    providers = _providers(model)
    model.metadata_props.add(key=PROVIDERS, value=",".join(providers))
    data = put_outside(model, job.scratch / f"{stem}.data")
    files |= {data.name: data} if data else {}
    rows = [_row(segment, form) for segment, form in zip(job.plan.segments, forms, strict=True)]
    notes = tuple(_notes(job, forms, providers))
    facts = {"segments": rows, "embedded": embed, "providers": providers}
    return Exported({job.output.name: model.SerializeToString(), **files}, notes, facts)


def _form(job: Export, number: int) -> OnnxForm:
    segment = job.plan.segments[number]
    form = job.onnx(segment.id)
    if form is None:
        raise Unsupported(
            f"segment {segment.id} on {segment.backend} has no form that ONNX Runtime takes: compile the model with"
            f" --exclude {segment.backend}, then export it"
        )
    return form


def _place(form: OnnxForm, stem: str, embed: bool) -> dict[str, bytes | Path]:
    """Name the binaries for where they will lie, or put them into their nodes; the files that lie beside."""
    names = {name: f"{stem}{Path(name).suffix}" if len(form.files) == 1 else f"{stem}_{name}" for name in form.files}
    for node in form.model.graph.node:
        if node.op_type != CONTEXT:
            continue
        for each in node.attribute:
            if each.name == BINARY and each.s:
                name = each.s.decode()
                each.s = content_of(form.files[name]) if embed else names[name].encode()
            elif each.name == EMBED:
                each.i = int(embed)
    return {} if embed else {names[name]: file for name, file in form.files.items()}


def _row(segment: Any, form: OnnxForm) -> dict[str, Any]:
    nodes = [node for node in form.model.graph.node if node.op_type == CONTEXT]
    return {
        "id": segment.id,
        "backend": segment.backend,
        "as": CONTEXT if nodes else "ONNX",
        "nodes": len(form.model.graph.node),
        "units": len(segment.units),
    }


def _providers(model: onnx.ModelProto) -> list[str]:
    """The providers that run it as it was planned: those that compiled a part of it, then the CPU's."""
    sources = [attribute(node, SOURCE, "") for node in model.graph.node if node.op_type == CONTEXT]
    return [*dict.fromkeys(filter(None, sources)), CPU]


def _notes(job: Export, forms: list[OnnxForm], providers: list[str]) -> list[str]:
    notes = [f"Open it with the providers {' and '.join(providers)}."]
    if providers == [CPU]:
        notes.append("Nothing of this plan is compiled: another provider would take nodes that it gives to the CPU.")
    others = {segment.backend for segment, form in zip(job.plan.segments, forms, strict=True) if not form.compiled}
    strange = sorted(others - {"qnn_cpu", "reference"})
    if strange:
        notes.append(f"what the plan has on {', '.join(strange)} is plain ONNX here: ONNX Runtime places it")
    notes += _refused(
        job, {segment.id for segment, form in zip(job.plan.segments, forms, strict=True) if not form.compiled}
    )
    if job.plan.request.custom_ops:
        libraries = " and ".join(job.plan.request.custom_ops)
        notes.append(f"it has operators of {libraries}: register that library with the session that opens it")
    optional = _optional(job)
    if optional:
        notes.append(f"inputs with a default are constants here: {', '.join(optional)}")
    return notes


def _refused(job: Export, plain: set[int]) -> list[str]:
    """What stands in the file as ONNX though ONNX Runtime's CPU provider did not take it here: it may not open."""
    told: dict[str, list[str]] = {}
    for unit in job.plan.units:
        verdict = unit.verdicts.get("qnn_cpu")
        if unit.segment in plain and unit.backend != "qnn_cpu" and verdict is not None and verdict.supported is False:
            told.setdefault(verdict.reason, []).append(f"{unit.name} ({unit.op_type})")
    return [
        f"{listed(names, 3)}: ONNX Runtime's CPU provider refused it here, and may not open the file: {reason}"
        for reason, names in told.items()
    ]


def _optional(job: Export) -> list[str]:
    document: Mapping[str, Any] = job.whole.document("session.json")
    return [str(row["name"]) for row in document.get("optional_inputs", ())]
