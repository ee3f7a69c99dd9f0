"""What the tensors of a model are like on real inputs: collected once, used for any number of recipes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import Factory, field, frozen
from zif import InvalidInput, StageFailed, UsageError

from zif_quantize.calibration.checking import checked, label, unfit
from zif_quantize.ort.tools import CpuSession, on_disk, quiet, tools
from zif_quantize.recipes import METHODS
from zif_quantize.rewrites.extremes import HUGE

if TYPE_CHECKING:
    import onnx
    from zif import Model
    from zif.plugin import Array, Progress, Source

    from zif_quantize.recipes import Recipe

    Samples = Iterable[Mapping[str, Any]]

#: Bins of a histogram, over [-m, m] where m is the largest magnitude.
BINS = 2048


@frozen(eq=False)
class Ranges:
    """The observed least and greatest value of each float tensor, and histograms where they were collected.

    `histograms` has counts per bin and the bins' edges. `samples`: how many inputs were looked at.
    """

    limits: Mapping[str, tuple[float, float]] = field(repr=False)
    samples: int
    histograms: Mapping[str, tuple[Array, Array]] = field(factory=dict, repr=False)
    _chosen: dict[Any, dict[str, tuple[float, float]]] = field(default=Factory(dict), repr=False, init=False)

    def of(self, recipe: Recipe) -> Mapping[str, tuple[float, float]]:
        """The range of each tensor by the recipe's method; computed once for each. Raises UsageError."""
        if recipe.method == "minmax":
            return self.limits if recipe.room == 1.0 else _wider(self.limits, recipe.room)
        if not self.histograms:
            raise UsageError(f"method {recipe.method!r} needs histograms: calibrate with histograms=True")
        from zif_quantize.calibration.methods import chosen

        key = recipe.method, recipe.percentile, recipe.activation, recipe.symmetric
        if key not in self._chosen:
            self._chosen[key] = chosen(self, recipe)
        return self._chosen[key]


def calibrate(source: Source, samples: Samples, histograms: bool = False, progress: Progress | None = None) -> Ranges:
    """Run the prepared model on `samples` (inputs by name each) and note what its float tensors are like.

    histograms: needed for every method but "minmax"; the samples are then gone through twice. At any time one sample
    and, for histograms, its activations are held, however many samples there are. Raises InvalidInput for a sample
    that does not fit the model or holds NaN or infinity, and UsageError when there is none.
    """
    from zif_quantize.rewrites.prepare import prepare, whole

    model = prepare(source)
    if histograms and iter(samples) is samples:
        samples = list(samples)
    told = progress or (lambda _: None)
    proto = whole(model)
    limits, count = _limits(model, proto, samples, told)
    binned = _histograms(model, proto, samples, limits, told) if histograms else {}
    return Ranges(limits, count, binned)


def extended(ranges: Ranges, source: Source, samples: Samples, progress: Progress | None = None) -> Ranges:
    """The ranges after further samples, with histograms if there are any; those that gave `ranges` are not run again.

    Raises what `calibrate` does.
    """
    return joined([ranges, calibrate(source, samples, bool(ranges.histograms), progress)])


def joined(ranges: Sequence[Ranges]) -> Ranges:
    """The ranges over the samples of all parts; counts move into bins that span what all of them saw."""
    if len(ranges) == 1:
        return ranges[0]
    limits: dict[str, tuple[float, float]] = {}
    for part in ranges:
        limits.update({name: _union(pair, limits.get(name, pair)) for name, pair in part.limits.items()})
    histograms: dict[str, tuple[Array, Array]] = {}
    for name in {name for part in ranges for name in part.histograms if _measurable(limits[name])}:
        edges = _empty(*limits[name])[1]
        counts = [_moved(part.histograms[name], edges) for part in ranges if name in part.histograms]
        histograms[name] = np.sum(counts, axis=0), edges
    return Ranges(limits, sum(part.samples for part in ranges), histograms)


def _wider(limits: Mapping[str, tuple[float, float]], room: float) -> dict[str, tuple[float, float]]:
    """Both ends this many times as far from zero; numbers that stand for infinity stay as they are."""
    return {
        name: (low, high) if max(abs(low), abs(high)) > HUGE / room else (low * room, high * room)
        for name, (low, high) in limits.items()
    }


def _union(pair: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(pair[0], other[0]), max(pair[1], other[1])


def _moved(histogram: tuple[Array, Array], edges: Array) -> Array:
    """The counts of a histogram in bins that span as much or more."""
    counts, before = histogram
    if np.array_equal(before, edges):
        return counts
    moved, _ = np.histogram((before[:-1] + before[1:]) / 2, edges, weights=counts)
    return moved.astype(counts.dtype)


def needs_histograms(methods: Iterable[str]) -> bool:
    """Whether any of these methods needs more than the least and the greatest value."""
    return any(method != METHODS[0] for method in methods)


def _limits(
    model: Model, proto: onnx.ModelProto, samples: Samples, told: Callable[[str], None]
) -> tuple[dict[str, tuple[float, float]], int]:
    with _calibrator("MinMaxCalibrater", proto) as made:
        count = _feed(made, model, samples, told, "calibrating")
        with quiet():
            data = made.compute_data()
    limits = {name: (float(np.min(path.lowest)), float(np.max(path.highest))) for name, path in data.items()}
    for name, pair in limits.items():
        if not np.isfinite(pair).all():
            raise InvalidInput(
                f"on the calibration data the tensor {name!r} of {model.name} has values from {pair[0]} to {pair[1]}: "
                "its range cannot be quantized. Check the data, or keep the operators around it in float."
            )
    return limits, count


def _histograms(
    model: Model,
    proto: onnx.ModelProto,
    samples: Samples,
    limits: Mapping[str, tuple[float, float]],
    told: Callable[[str], None],
) -> dict[str, tuple[Array, Array]]:
    """Histograms over bins that follow from the limits, so that they never grow; none for masks of -3e38."""
    with _calibrator("PercentileCalibrater", proto, num_bins=BINS) as made:
        collector = tools("calibrate").HistogramCollector("percentile", False, BINS, 128, 99.999, "same")
        made.tensors_to_calibrate = {name for name in limits if _measurable(limits[name])} & made.tensors_to_calibrate
        for name in made.tensors_to_calibrate:
            collector.histogram_dict[name] = _empty(*limits[name])
        made.collector = collector
        _feed(made, model, samples, told, "histograms")
    return {name: (row[0], row[1]) for name, row in collector.histogram_dict.items() if row[0].sum()}


def _measurable(pair: tuple[float, float]) -> bool:
    """Whether 2048 bins over the range say anything: not where numbers stand for infinity."""
    return max(abs(end) for end in pair) <= HUGE


def _empty(low: float, high: float) -> tuple[Any, ...]:
    """A histogram without counts, as onnxruntime's collector keeps them."""
    greatest = np.float32(max(abs(low), abs(high)))
    edges = np.linspace(-greatest, greatest, BINS + 1, dtype=np.float32)
    return np.zeros(BINS, np.int64), edges, np.float32(low), np.float32(high), greatest


class _calibrator:  # noqa: N801 - used as a function
    """A calibrator of onnxruntime on a file that lives as long as the block."""

    def __init__(self, kind: str, proto: onnx.ModelProto, **options: Any) -> None:
        self.kind, self.proto, self.options = kind, proto, options

    def __enter__(self) -> Any:
        import onnx

        self.folder = tempfile.TemporaryDirectory(prefix="zif-")
        path = Path(self.folder.name) / "model.onnx"
        with on_disk("the model that calibrates", path.parent), quiet():
            onnx.save(self.proto, path)
            made = getattr(tools("calibrate"), self.kind)(
                path, augmented_model_path=str(path.with_name("augmented.onnx")), **self.options
            )
            made.augment_graph()
        made.infer_session = CpuSession(made.augmented_model_path)
        return made

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()


def _feed(made: Any, model: Model, samples: Samples, told: Callable[[str], None], doing: str) -> int:
    """Give the samples to a calibrator one by one, each checked; how many there were."""
    from zif.plugin import Admission

    admission = Admission(model.inputs, model.optional_inputs)
    total = f" of {len(samples)}" if isinstance(samples, Sized) else ""
    count = 0
    for count, sample in enumerate(samples, 1):
        told(f"{doing}: sample {count}{total}")
        where = label(samples, count - 1)
        values = checked(admission, sample, where)
        try:
            with quiet():
                made.collect_data(_Once(values))
        except StageFailed as error:
            raise unfit(where, error) from error
    if not count:
        raise UsageError("no calibration data: quantizing needs real inputs to know the range of every tensor")
    return count


class _Once:
    """A reader with one sample."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values: Mapping[str, Any] | None = values

    def get_next(self) -> Mapping[str, Any] | None:
        values, self._values = self._values, None
        return values
