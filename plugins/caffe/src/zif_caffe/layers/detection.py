"""SSD's head: PriorBox, whose values are known beforehand, and DetectionOutput as decoding and NonMaxSuppression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from zif import InvalidModel

from zif_caffe.graph import Graph, refuse
from zif_caffe.network import Layer

CORNER, CENTER_SIZE = 1, 2


def prior_box(graph: Graph, layer: Layer) -> None:
    """Boxes around every place of a feature map, and the variances that scale their offsets: [1, 2, 4 × boxes]."""
    params = layer.params("prior_box_param")
    features, picture = (graph.shapes[bottom][2:] for bottom in layer.bottoms[:2])
    graph.room(8 * features[0] * features[1] * len(_forms(params)))
    boxes = _boxes(params, features, _size(params, picture), layer)
    variance = list(params.variance) or [0.1]
    if len(variance) not in (1, 4):
        raise InvalidModel(f"layer {layer.name!r} (PriorBox) has {len(variance)} variances: one, or one for each side")
    variances = np.tile(np.array(variance if len(variance) == 4 else variance * 4), boxes.size // 4)
    both = np.stack([boxes.reshape(-1), variances])[None]
    graph.node("Identity", [graph.constant(both, f"{layer.name}/boxes")], layer.tops[0], both.shape)


def _size(params: Any, picture: Sequence[int]) -> tuple[float, float]:
    """Height and width of the picture, as the text has it or as it is."""
    if params.img_size:
        return float(params.img_size), float(params.img_size)
    return float(params.img_h or picture[0]), float(params.img_w or picture[1])


def _boxes(params: Any, features: Sequence[int], size: tuple[float, float], layer: Layer) -> np.ndarray:
    """[places, boxes of each, 4]: left, top, right, bottom as shares of the picture."""
    if not params.min_size:
        raise InvalidModel(f"layer {layer.name!r} (PriorBox) has no min_size")
    height, width = size
    step_h = params.step_h or params.step or height / features[0]
    step_w = params.step_w or params.step or width / features[1]
    rows, columns = np.meshgrid(np.arange(features[0]), np.arange(features[1]), indexing="ij")
    x, y = (columns + params.offset) * step_w, (rows + params.offset) * step_h
    forms = np.array(_forms(params))  # width, height
    half_w, half_h = forms[:, 0] / 2, forms[:, 1] / 2
    sides = [
        (x[..., None] - half_w) / width,
        (y[..., None] - half_h) / height,
        (x[..., None] + half_w) / width,
        (y[..., None] + half_h) / height,
    ]
    boxes = np.stack(sides, axis=-1)
    return np.clip(boxes, 0, 1) if params.clip else boxes


def _forms(params: Any) -> list[tuple[float, float]]:
    """Width and height of each box of a place, in SSD's order: for each size itself, its mean, and the other ratios."""
    ratios = [1.0]
    for aspect in params.aspect_ratio:
        for ratio in (aspect, 1 / aspect) if params.flip else (aspect,):
            if all(abs(ratio - known) > 1e-6 for known in ratios):
                ratios.append(float(ratio))
    made = []
    for place, small in enumerate(params.min_size):
        made.append((small, small))
        if params.max_size:
            mean = math.sqrt(small * params.max_size[place])
            made.append((mean, mean))
        made += [(small * math.sqrt(ratio), small / math.sqrt(ratio)) for ratio in ratios if abs(ratio - 1) > 1e-6]
    return made


def detection_output(graph: Graph, layer: Layer) -> None:
    """[1, 1, detections, 7]: picture, class, score and box; one row of -1 when there is none, as Caffe has it."""
    params = layer.params("detection_output_param")
    _check(params, layer)
    locations, scores, priors = layer.bottoms[:3]
    batch, boxes = graph.shapes[locations][0], graph.shapes[priors][-1] // 4
    graph.room(batch << 10)  # each picture of a batch has nodes of its own
    write = _Head(graph, layer, boxes)
    decoded = write.decoded(locations, priors, batch)
    rows = [write.detections(decoded, scores, picture, batch) for picture in range(batch)]
    write.finish(rows)


def _check(params: Any, layer: Layer) -> None:
    if not params.share_location:
        raise refuse(layer, "boxes of their own for each class (share_location: false) are not done: share them")
    if params.code_type not in (CORNER, CENTER_SIZE):
        raise refuse(layer, "boxes coded as CORNER_SIZE are not done: CENTER_SIZE and CORNER are")
    if params.nms_param.eta < 1:
        raise refuse(layer, "a threshold that falls from box to box (nms_param.eta) has no form in ONNX: leave it at 1")


class _Head:
    """Writes the parts of a DetectionOutput."""

    def __init__(self, graph: Graph, layer: Layer, boxes: int) -> None:
        self.graph, self.layer, self.boxes = graph, layer, boxes
        self.params = layer.params("detection_output_param")

    def op(self, op_type: str, inputs: Sequence[str], word: str, **attributes: Any) -> str:
        return self.graph.node(op_type, inputs, self.graph.inner(self.layer, word), (), **attributes)

    def const(self, value: Any, word: str) -> str:
        return self.graph.constant(value, f"{self.layer.name}/{word}")

    def cut(self, value: str, axis: int, begin: int, end: int, word: str) -> str:
        bounds = [self.const(np.array([number]), f"{word}/at") for number in (begin, end, axis)]
        return self.op("Slice", [value, *bounds], word)

    def decoded(self, locations: str, priors: str, batch: int) -> str:
        """[pictures, boxes, 4]: left, top, right, bottom."""
        form = self.const(np.array([batch, self.boxes, 4]), "offsets/form")
        offsets = self.op("Reshape", [locations, form], "offsets")
        form = self.const(np.array([1, -1, 4]), "priors/form")
        prior, variance = (
            self.op("Reshape", [self.cut(priors, 1, row, row + 1, word), form], word)
            for row, word in enumerate(("prior", "variance"))
        )
        if not self.params.variance_encoded_in_target:
            offsets = self.op("Mul", [offsets, variance], "scaled")
        corner = self.params.code_type == CORNER
        made = self.op("Add", [offsets, prior], "corners") if corner else self._centred(offsets, prior)
        if self.params.clip:
            made = self.op("Clip", [made, self.const(0.0, "least"), self.const(1.0, "most")], "clipped")
        return made

    def _centred(self, offsets: str, prior: str) -> str:
        """Offsets of the centre in sizes of the prior, and the logarithm of the size's ratio."""
        first, last = self.cut(prior, 2, 0, 2, "first"), self.cut(prior, 2, 2, 4, "last")
        size = self.op("Sub", [last, first], "size")
        half = self.const(0.5, "half")
        centre = self.op("Mul", [self.op("Add", [first, last], "both"), half], "centre")
        move, grow = self.cut(offsets, 2, 0, 2, "move"), self.cut(offsets, 2, 2, 4, "grow")
        middle = self.op("Add", [self.op("Mul", [move, size], "moved"), centre], "middle")
        reach = self.op("Mul", [self.op("Mul", [self.op("Exp", [grow], "ratio"), size], "grown"), half], "reach")
        ends = [self.op("Sub", [middle, reach], "from"), self.op("Add", [middle, reach], "to")]
        return self.op("Concat", ends, "boxes", axis=2)

    def detections(self, decoded: str, scores: str, picture: int, batch: int) -> str:
        """[detections, 7] of one picture, by class and by score."""
        params = self.params
        form = self.const(np.array([batch, self.boxes, params.num_classes]), "scores/form")
        rows = self.cut(self.op("Reshape", [scores, form], "scores"), 0, picture, picture + 1, "picture")
        by_class = self.op("Transpose", [rows], "by_class", perm=[2, 0, 1])  # [classes, 1, boxes]
        classes = [label for label in range(params.num_classes) if label != params.background_label_id]
        wanted = self.op("Gather", [by_class, self.const(np.array(classes), "classes")], "wanted")
        best, places = self._best(wanted)
        own = self.cut(decoded, 0, picture, picture + 1, "own")
        boxes = self.op("Squeeze", [own, self.const(np.array([0]), "first_axis")], "own_boxes")
        candidates = self.op("Gather", [boxes, places], "candidates")  # [classes, k, 4]
        kept = self._suppressed(candidates, best)
        return self._rows(kept, candidates, best, classes, picture)

    def _best(self, scores: str) -> tuple[str, str]:
        """The `top_k` best scores of each class before suppression, [classes, 1, k], and their boxes, [classes, k]."""
        limit = self.params.nms_param.top_k
        many = min(limit, self.boxes) if limit > 0 else self.boxes
        names = [self.graph.inner(self.layer, word) for word in ("best", "best_at")]
        self.graph.node("TopK", [scores, self.const(np.array([many]), "top_k")], names, (), axis=2)
        self.graph.shapes[names[1]] = ()
        return names[0], self.op("Squeeze", [names[1], self.const(np.array([1]), "second_axis")], "places")

    def _suppressed(self, boxes: str, scores: str) -> str:
        """[kept, 3]; classes stand where ONNX has pictures, since each has candidates of its own."""
        params = self.params
        threshold = self.const(np.array([params.nms_param.nms_threshold]), "iou")
        limits = [self.const(np.array([self.boxes]), "every"), threshold]
        # Caffe keeps what is above the threshold; without one, everything.
        least = params.confidence_threshold if params.HasField("confidence_threshold") else -3.4e38
        return self.op("NonMaxSuppression", [boxes, scores, *limits, self.const(np.array([least]), "least")], "kept")

    def _rows(self, kept: str, boxes: str, scores: str, classes: Sequence[int], picture: int) -> str:
        at = self.op("Concat", [self.cut(kept, 1, 0, 1, "class_at"), self.cut(kept, 1, 2, 3, "box_at")], "at", axis=1)
        flat = self.op("Squeeze", [scores, self.const(np.array([1]), "one")], "flat")
        score = self.op("GatherND", [flat, at], "score")
        at, score = self._limited(at, score)
        column = self.const(np.array([-1, 1]), "column")
        table = self.const(np.array(classes, np.float32), "labels")
        labels = self.op("Gather", [table, self.cut(at, 1, 0, 1, "label_at")], "label")
        picked = self.op("GatherND", [boxes, at], "picked")
        zeros = self.op("Mul", [labels, self.const(0.0, "zero")], "zeros")
        of = self.op("Add", [zeros, self.const(float(picture), "number")], "of")
        columns = [of, labels, self.op("Reshape", [score, column], "score_column"), picked]
        return self.op("Concat", columns, "rows", axis=1)

    def _limited(self, at: str, score: str) -> tuple[str, str]:
        """The `keep_top_k` best of all classes, in the order that they had."""
        if self.params.keep_top_k < 0:
            return at, score
        count = self.op("Shape", [score], "count")
        many = self.op("Min", [count, self.const(np.array([self.params.keep_top_k]), "keep_top_k")], "many")
        names = [self.graph.inner(self.layer, word) for word in ("top", "top_at")]
        self.graph.node("TopK", [score, many], names, (), axis=0)
        self.graph.shapes[names[1]] = ()
        ordered = [self.graph.inner(self.layer, word) for word in ("in_order", "in_order_at")]
        self.graph.node("TopK", [names[1], many], ordered, (), axis=0, largest=0)
        return self.op("Gather", [at, ordered[0]], "limited"), self.op("Gather", [score, ordered[0]], "limited_score")

    def finish(self, rows: Sequence[str]) -> None:
        """All pictures, and a row of -1 where nothing was found in any."""
        every = rows[0] if len(rows) == 1 else self.op("Concat", rows, "all", axis=0)
        count = self.cut(self.op("Shape", [every], "shape"), 0, 0, 1, "found")
        none = self.op("Equal", [count, self.const(np.array([0]), "no")], "none")
        more = self.op("Cast", [none], "more", to=7)
        zero = self.const(np.array([0]), "pad")
        pads = self.op("Concat", [zero, zero, more, zero], "pads", axis=0)
        filled = self.op("Pad", [every, pads, self.const(-1.0, "nothing")], "filled")
        self.graph.node("Unsqueeze", [filled, self.const(np.array([0, 1]), "front")], self.layer.tops[0], (1, 1, -1, 7))


WRITERS = {"PriorBox": prior_box, "DetectionOutput": detection_output}
