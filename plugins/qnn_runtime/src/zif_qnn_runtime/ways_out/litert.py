"""`--for litert`: the options with which LiteRT hands a TFLite model to Qualcomm's delegate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from zif import UsageError, ZifError
from zif.plugin import Exported, Exporter, content_of

from zif_qnn_runtime.ways_out.classic import own_text
from zif_qnn_runtime.ways_out.tools import shown, words

if TYPE_CHECKING:
    from zif.plugin import Export

#: Keys and numbers of the delegate's options: https://docs.qualcomm.com/doc/80-63442-10/topic/options.html
MODES = {
    "default": "0",
    "sustained_high_performance": "1",
    "burst": "2",
    "high_performance": "3",
    "power_saver": "4",
    "balanced": "8",
}
PRECISIONS = {"quantized": "0", "fp16": "1"}
Mode = Literal["default", "sustained_high_performance", "burst", "high_performance", "power_saver", "balanced"]


@frozen
class Options:
    """What a user can set."""

    precision: Literal["auto", "quantized", "fp16"] = field(
        default="auto", metadata={"help": "What the NPU computes in; auto: quantized where the model is."}
    )
    performance_mode: Mode = field(default="burst", metadata={"help": "Clocks of the NPU while it runs."})


def litert(job: Export, options: Options) -> Exported:
    """The model as it was, the delegate's options, and how they are handed over."""
    source = job.source
    if not isinstance(source, (str, Path)) or Path(source).suffix.lower() not in (".tflite", ".lite"):
        raise UsageError(
            f"{job.name} did not come from TFLite: --for litert takes the .tflite itself; for an ONNX model there are "
            "--for onnxruntime, qairt and android"
        )
    if content_of(Path(source), 4, 4) != b"TFL3":
        raise UsageError(f"{source} is no TFLite model: it lacks the word TFL3 behind its first four bytes")
    precision = _precision(job) if options.precision == "auto" else options.precision
    told = {
        "backend_type": "htp",
        "library_path": "libQnnHtp.so",
        "skel_library_dir": "/data/local/tmp/zif",
        "htp_performance_mode": MODES[options.performance_mode],
        "htp_precision": PRECISIONS[precision],
    }
    line = ";".join(f"{key}:{value}" for key, value in told.items())
    tool = words(
        "qtld-net-run",
        ("--model", "model.tflite"),
        ("--input", "input_list.txt"),
        ("--output", "output"),
        ("--backend", "htp"),
        ("--library_path", told["library_path"]),
        ("--skel_library_dir", told["skel_library_dir"]),
        ("--htp_performance_mode", told["htp_performance_mode"]),
        ("--htp_precision", told["htp_precision"]),
    )
    page = own_text("litert.md").format(name=job.name, precision=precision, options=line, tool=shown(tool))
    files: dict[str, bytes | Path] = {
        "model.tflite": Path(source),
        "delegate_options.json": (json.dumps(told, indent=1) + "\n").encode(),
        "README.md": page.encode(),
    }
    return Exported(files, notes=(f"Qualcomm's delegate is told {precision}; README.md says how to hand it over",))


def _precision(job: Export) -> str:
    """What the model is made for. Raises UsageError where its frontend cannot say."""
    try:
        model = job.model
    except ZifError as error:
        raise UsageError(
            f"whether {job.name} is quantized cannot be told ({error}): give --precision quantized or fp16"
        ) from error
    nodes = model.proto.graph.node if model is not None else ()
    return "quantized" if any(node.op_type == "DequantizeLinear" for node in nodes) else "fp16"


LITERT = Exporter(
    "A TFLite model with the options of Qualcomm's delegate for LiteRT", litert, Options, folder=True, needs="model"
)
