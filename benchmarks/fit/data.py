"""Measured latencies and the graphs they were measured on, as numbers: what is fitted, and nothing else."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from zif.model import Model
from zif.planning.costs.features import of_model
from zif.planning.costs.kinds import FEATURES
from zif.targets import target

Floats = NDArray[np.float64]

#: What the tables call a quantization, as the arithmetic on the NPU. Mixed ones are neither, and left out.
PRECISIONS: Mapping[str, str] = {"float": "fp16", "w8a8": "int8", "w8a16": "int16"}
RUNTIMES = ("onnx", "qnn_dlc", "tflite")
#: Ways of running that are one of the three, compiled before.
_SAME = {"precompiled_qnn_onnx": "onnx", "qnn_context_binary": "qnn_dlc", "voice_ai": "qnn_dlc"}
_TABLES = ("aihub-latency.csv", "aihub-latency-2.csv", "aihub-latency-releases.csv")
#: Relative noise of one measurement on two kits, beside which that of all others is nothing.
_NOISE = {"qcs6490": 0.2, "qcs9075": 0.05}
LATEST = "2.50"
#: Published for a picture with the channels last: no runtime takes longer for them than TFLite, which takes all so.
CHANNELS_LAST = (
    *("face_det_lite", "facemap_3dmm", "foot_track_net", "gear_guard_net", "googlenet"),
    "mediapipe_selfie",
)


@frozen
class Row:
    """One measurement: the latency in microseconds of a model on a chip, all of its layers on one processor."""

    model: str
    table: str  # "float", "w8a8", "w8a16"
    chip: str
    runtime: str
    us: float
    processor: str = "npu"
    toolchain: str = LATEST

    @property
    def precision(self) -> str:
        """ "fp16", "int8", "int16"."""
        return PRECISIONS[self.table]

    @property
    def noise(self) -> float:
        """Relative error of one measurement on this kit."""
        return _NOISE.get(self.chip, 0.0)


@frozen(slots=False)
class Data:
    """A folder with `aihub-latency.csv`, more of that kind, and `graphs/`."""

    folder: Path
    models: Mapping[str, Model] = field(repr=False)
    _edges: dict[tuple[str, str, str], float] = field(factory=dict, repr=False, eq=False)

    @classmethod
    def read(cls, folder: Path) -> Data:
        """Load every graph; raises SystemExit when the folder does not hold them."""
        graphs = sorted((folder / "graphs").glob("*.onnx"))
        if not graphs or not (folder / "aihub-latency.csv").is_file():
            raise SystemExit(f"{folder} needs aihub-latency.csv and graphs/*.onnx; name another folder with --data")
        return cls(folder, {path.stem: Model.load(path) for path in graphs})

    @cached_property
    def plain(self) -> Mapping[str, Floats]:
        """Feature counts by model, summed over units, of the graphs as they are: float64[len(FEATURES)]."""
        return {name: of_model(model).counts.sum(axis=0) for name, model in self.models.items()}

    @cached_property
    def counts(self) -> Mapping[str, Floats]:
        """The same of what was measured: some were handed their picture with the channels last."""
        column = list(FEATURES).index("picture")
        kept = np.arange(len(FEATURES)) != column
        return {name: counts * kept if name in CHANNELS_LAST else counts for name, counts in self.plain.items()}

    @cached_property
    def pixels(self) -> Mapping[str, float]:
        """Millions of input elements that a runtime converts, by model."""
        sizes = {name: sum(value.elements or 0 for value in model.inputs) / 1e6 for name, model in self.models.items()}
        return {name: 0.0 if name in CHANNELS_LAST else size for name, size in sizes.items()}

    @cached_property
    def macs(self) -> Mapping[str, float]:
        """Multiply-accumulates by model."""
        return {name: float(sum(unit.macs for unit in model.units)) for name, model in self.models.items()}

    def edge_us(self, row: Row) -> float:
        """What a plan adds for moving the model's inputs and outputs, at the width of the row's precision."""
        key = row.model, row.chip, row.precision
        if key not in self._edges:
            model, rates = self.models[row.model], target(row.chip).processors["npu"]
            shrink = {"fp16": 1, "int8": 4, "int16": 2}[row.precision]
            moved = [(value.nbytes or 0) / shrink for value in (*model.inputs, *model.outputs)]
            self._edges[key] = sum(rates.link_us + size / rates.link_bytes_per_s * 1e6 for size in moved)
        return self._edges[key]

    def rows(self) -> list[Row]:
        """Every row of a model whose graph is here, of a precision that is fitted, all layers on one processor."""
        distinct: dict[Row, None] = {}
        for table in _TABLES:
            if (self.folder / table).is_file():
                with (self.folder / table).open(newline="", encoding="utf-8") as file:
                    distinct |= {row: None for record in csv.DictReader(file) if (row := self._row(record)) is not None}
        return list(distinct)

    def _row(self, record: Mapping[str, str]) -> Row | None:
        model, runtime = self._graph(record), _SAME.get(record["runtime"], record["runtime"])
        if model is None or record["precision"] not in PRECISIONS or runtime not in RUNTIMES:
            return None
        used = [name for name in ("npu", "gpu", "cpu") if record[f"layers_{name}"] not in ("", "0")]
        if len(used) != 1:
            return None
        us, version = float(record["latency_ms"]) * 1e3, ".".join(record.get("qairt", "").split(".")[:2])
        chip = target(record["chipset"]).name
        return Row(model, record["precision"], chip, runtime, us, used[0], version or LATEST)

    def _graph(self, record: Mapping[str, str]) -> str | None:
        """The graph of a row: of the model, or of the component that ran."""
        if record["model"] in self.models:
            return record["model"]
        component = record.get("component", "").lower()
        components = (name for name in self.models if name.startswith(record["model"] + "__"))
        return next((name for name in components if name.rpartition("__")[2] in component), None)


def fitted(rows: Sequence[Row]) -> list[Row]:
    """The NPU rows that coefficients may be drawn from; `why_not` says why the others are not."""
    return [row for row in rows if row.processor == "npu" and not why_not(row)]


def why_not(row: Row) -> str:
    """Why a row cannot say what its graph costs; "" for one that can."""
    if row.model == "fcn_resnet50":
        return "measured on a larger picture than the 224 × 224 that its row and graph state"
    if row.runtime == "tflite" and row.model in ("resnet_3d", "resnet_mixed", "resnet_2plus1d"):
        return "TFLite rewrites convolutions over three axes, 20 to 170 times slower than the same graph elsewhere"
    return ""
