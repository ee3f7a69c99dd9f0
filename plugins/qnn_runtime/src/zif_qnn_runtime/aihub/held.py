"""Inputs for a device, and its outputs held against those of this machine's CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from zif import UsageError
from zif.plugin import Tally, random_inputs, samples_of

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array, options


def fed(model: Model, feed: options.FeedOptions) -> list[dict[str, Array]]:
    """The sets of inputs: those of --input-list, or random ones of a seed. Raises UsageError for fewer options."""
    if feed.input_list is not None:
        return [dict(sample() if callable(sample) else sample) for sample in samples_of(feed.input_list, model, None)]
    if feed.input or feed.random is None:
        raise UsageError("what is it fed? --input-list FILE or --random SEED")
    return [random_inputs(model.inputs, feed.random)]


def against_cpu(
    model: Model, sets: Sequence[Mapping[str, Array]], outputs: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """A row for each output: name, sqnr_db, max_abs; `close` asks whether it reaches a ratio in dB.

    Raises UsageError for an output that the device did not give.
    """
    import zif

    tallies = {info.name: Tally() for info in model.outputs}
    with zif.load(model, only=["qnn_cpu"]) as session:
        for number, inputs in enumerate(sets):
            expected = session.run(inputs)
            for name, tally in tallies.items():
                if name not in outputs or number >= len(outputs[name]):
                    raise UsageError(f"the device gave no output {name!r} for set {number}: {', '.join(outputs)}")
                value = np.asarray(outputs[name][number])
                tally.add(expected[name], value.reshape(np.shape(expected[name])))
    return [_row(name, tally) for name, tally in tallies.items()]


def _row(name: str, tally: Tally) -> dict[str, Any]:
    figures = tally.figures()

    def close(least: float) -> bool:
        return figures.sqnr_db is None or figures.sqnr_db >= least

    return {"name": name, "sqnr_db": figures.sqnr_db, "max_abs": figures.max_abs, "close": close}
