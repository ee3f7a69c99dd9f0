"""The segments of a plan that Qualcomm's NPU runs, each with its files, and with what it was fed and gave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from attrs import evolve, frozen
from zif import UsageError
from zif.plugin import content_of, parse_json, random_inputs

from zif_qnn_runtime.context import describe

if TYPE_CHECKING:
    from zif import Compiled, TensorInfo
    from zif.plugin import Array, Export

    Arrays = Mapping[str, Array]

#: The format of artifacts that hold a context binary.
FORMAT = "qnn-context"
#: What ONNX Runtime calls a graph; the same in the binary and in the DLC, since both are made of the same bytes.
_GRAPH = re.compile(rb"QNNExecutionProvider_QNNExecutionProvider_\d+_\d+_\d+")


@frozen
class Piece:
    """One segment. name: of its folder. soc_model and arch: of the chip it was compiled for, None for not known.

    graph: what QNN calls it, "" where that is not known. sets: (inputs, outputs) of each run.
    """

    name: str
    files: Mapping[str, bytes | Path]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    qnn: str
    soc_model: int | None
    arch: int | None
    graph: str
    sets: tuple[tuple[Arrays, Arrays], ...] = ()

    def has(self, name: str) -> bool:
        """Whether the folder holds this file."""
        return name in self.files


def pieces(job: Export, wanted: tuple[str, ...]) -> list[Piece]:
    """Every segment of the NPU. wanted: the forms that must be there, such as "dlc". Raises UsageError without any."""
    artifacts = {segment.id: job.compiled(segment.id) for segment in job.plan.segments}
    chosen = {
        number: artifact for number, artifact in artifacts.items() if artifact.format == FORMAT and _binary(artifact)
    }
    if not chosen:
        raise UsageError(
            f"the plan of {job.name} for {job.target} has no segment on Qualcomm's NPU: `zif plan` says why; --target"
            " of a Snapdragon and --only qnn_htp put one there"
        )
    for form in wanted:
        lacking = [str(number) for number, segment in chosen.items() if not _under(segment, form)]
        if lacking:
            raise UsageError(
                f"segment {', '.join(lacking)} has no {form}: compile it with `--also {','.join(wanted)}`, or export"
                " the model instead of the bundle"
            )
    runs = _runs(job, chosen)
    return [_piece(number, segment, runs.get(number, [])) for number, segment in chosen.items()]


def raw(array: Array) -> bytes:
    """The bytes as the tools read and write them: row by row, little-endian; 4 bits take a byte each."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _piece(number: int, compiled: Compiled, sets: list[tuple[Arrays, Arrays]]) -> Piece:
    wrapper, binary = _wrapper(compiled), _binary(compiled)
    info = describe(content_of(compiled.files[wrapper]))
    told = parse_json(content_of(compiled.files[compiled.main]), compiled.main, UsageError)
    arch = told.get("htp_arch") if isinstance(told, Mapping) else None
    files = {"context.bin": compiled.files[binary]}
    for name, place in (*_under(compiled, "dlc").items(), *_under(compiled, "source").items()):
        files[name.replace("dlc/model", "graph") if name.startswith("dlc/") else name] = place
    match = _GRAPH.search(content_of(files["context.bin"]))
    return Piece(
        name=f"segment-{number:02d}",
        files=files,
        inputs=tuple(info for info in compiled.inputs if info.name not in _baked(told)),
        outputs=_as_given(compiled, wrapper),
        qnn=info.qnn_version,
        soc_model=info.soc_model,
        arch=arch if isinstance(arch, int) else None,
        graph=match[0].decode() if match else "",
        sets=tuple(sets),
    )


def _as_given(compiled: Compiled, wrapper: str) -> tuple[TensorInfo, ...]:
    """The outputs in the types in which the binary gives them: whole numbers of 64 bits leave it in 32."""
    graph = onnx.load_model_from_string(content_of(compiled.files[wrapper])).graph
    short = {value.name for value in graph.output if value.type.tensor_type.elem_type == onnx.TensorProto.INT32}
    return tuple(
        evolve(info, type="tensor(int32)") if info.name in short and info.dtype == "int64" else info
        for info in compiled.outputs
    )


def _baked(told: Any) -> frozenset[str]:
    names = told.get("baked", ()) if isinstance(told, Mapping) else ()
    return frozenset(name for name in names if isinstance(name, str))


def _under(compiled: Compiled, folder: str) -> dict[str, bytes | Path]:
    return {name: place for name, place in compiled.files.items() if name.startswith(f"{folder}/")}


def _wrapper(compiled: Compiled) -> str:
    return next((name for name in compiled.files if name.endswith(".onnx") and "/" not in name), "")


def _binary(compiled: Compiled) -> str:
    """The context binary that the wrapper names; "" for a segment whose every output is known beforehand."""
    wrapper = _wrapper(compiled)
    name = describe(content_of(compiled.files[wrapper])).binary if wrapper else ""
    return name if name in compiled.files else ""


def _runs(job: Export, chosen: Mapping[int, Compiled]) -> dict[int, list[tuple[Arrays, Arrays]]]:
    """What each segment is handed and gives for every sample; for one set of random values where there is none."""
    runs: dict[int, list[tuple[Arrays, Arrays]]] = {}
    with job.session() as session:
        for sample in job.samples or [random_inputs(session.inputs, 0)]:
            for step, inputs in session.stages(sample() if callable(sample) else sample):
                if step.segment.id in chosen:
                    handed = dict(inputs)
                    runs.setdefault(step.segment.id, []).append((handed, dict(step.executable.run(handed))))
    return runs


def written(piece: Piece) -> Iterator[tuple[str, bytes | Path]]:
    """The files of a piece, below its folder: itself, raw inputs with their list, what must come out."""
    yield from ((f"{piece.name}/{name}", place) for name, place in piece.files.items())
    lines = []
    for number, (inputs, made) in enumerate(piece.sets):
        places = {info.name: f"inputs/{number}/{i:02d}.raw" for i, info in enumerate(piece.inputs)}
        lines.append(" ".join(f"{name}:={place}" for name, place in places.items()))
        yield from ((f"{piece.name}/{place}", raw(inputs[name])) for name, place in places.items())
        outs = ((f"expected/{number}/{i:02d}.raw", output) for i, output in enumerate(piece.outputs))
        yield from ((f"{piece.name}/{place}", raw(_in_type(made[info.name], info))) for place, info in outs)
    yield f"{piece.name}/input_list.txt", ("\n".join(lines) + "\n").encode()
    yield f"{piece.name}/io.json", _text(_io(piece))


def _in_type(array: Array, info: TensorInfo) -> Array:
    return array.astype(np.int32) if info.dtype == "int32" else array


def _io(piece: Piece) -> dict[str, Any]:
    def rows(infos: tuple[TensorInfo, ...]) -> list[dict[str, Any]]:
        return [{"name": info.name, "dtype": info.dtype, "shape": list(info.shape or ())} for info in infos]

    return {
        "graph": piece.graph,
        "qnn": piece.qnn,
        "soc_model": piece.soc_model,
        "htp_arch": piece.arch,
        "inputs": rows(piece.inputs),
        "outputs": rows(piece.outputs),
        "sets": len(piece.sets),
    }


def extensions(piece: Piece, profile: str) -> Iterator[tuple[str, bytes]]:
    """The two documents behind --config_file: which library reads the options, and the options."""
    outer = {"shared_library_path": "libQnnHtpNetRunExtensions.so", "config_file_path": "htp_config.json"}
    device: dict[str, Any] = {"device_id": 0, "cores": [{"core_id": 0, "perf_profile": profile}]}
    if piece.soc_model is not None:
        device["soc_model"] = piece.soc_model
    if piece.arch is not None:
        device["dsp_arch"] = f"v{piece.arch}"
    graphs = [{"graph_names": [piece.graph], "vtcm_mb": 0, "fp16_relax_precision": 1, "O": 3}] if piece.graph else []
    inner = {**({"graphs": graphs} if graphs else {}), "devices": [device]}
    yield f"{piece.name}/backend_extensions.json", _text({"backend_extensions": outer})
    yield f"{piece.name}/htp_config.json", _text(inner)


def _text(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


__all__ = ["FORMAT", "Piece", "extensions", "pieces", "raw", "written"]
