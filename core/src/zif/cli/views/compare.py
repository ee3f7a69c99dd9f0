"""A comparison on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zif.cli.views.terminal import say, table
from zif.files.wording import listed, things

if TYPE_CHECKING:
    from zif.evaluation.comparison import Compared, Comparison
    from zif.evaluation.comparison.record import Ran

_FIGURES = ("SQNR dB", "cosine", "max error")


def show(comparison: Comparison, worst: int) -> None:
    """Print the outputs, where the error starts, and the worst inner tensors."""
    c = comparison
    many = "1 sample" if c.samples == 1 else f"{c.samples} samples"
    say(f"{_ran(c.b)} held against {_ran(c.a)}, {many}", style="bold")
    table(
        "",
        ("output", "computed by", *_FIGURES, "agreement", ""),
        [_output(output) for output in c.outputs],
        right=_RIGHT,
    )
    if c.tensors:
        say(_start(c))
        say(_drops(c))
        _worst(c, worst)
        _harmless(c)
        say(_matched(c))
        _observer(c)
    for name, why in c.unobserved.items():
        say(f"{name} could not be read: {why}", style="yellow")
    for note in c.notes:
        say(note)
    _emulated(c)


_RIGHT = (*_FIGURES, "agreement", "of its inputs", "drop dB")


def _ran(ran: Ran) -> str:
    """What a side is, and the backends that took part where the label does not say so."""
    named = all(name in ran.label for name in ran.backends)
    return ran.label if named else f"{ran.label} ({' + '.join(ran.backends)})"


def _output(compared: Compared) -> list[Any]:
    f = compared.figures
    agreement = "" if f.agreement is None else f"{f.agreement:.1%}"
    odd = (f"{f.not_finite} are finite on one side only", "bold red") if f.not_finite else ""
    return [(compared.name, "bold"), _maker(compared), *_numbers(compared), agreement, odd]


def _maker(compared: Compared) -> str:
    named = compared.node.startswith(
        f"{compared.op_type}@"
    )  # a node without a name is called by its operator and a number
    return compared.node if named else f"{compared.op_type} {compared.node}".strip()


def _numbers(compared: Compared) -> list[str]:
    f = compared.figures
    cosine = "" if f.cosine is None else f"{f.cosine:.6f}"
    return [decibels(f.sqnr_db), cosine, "" if f.max_abs is None else f"{f.max_abs:.4g}"]


def decibels(value: float | None) -> str:
    """A ratio as people read it: "exact" without any error, "" where there is none."""
    if value is None:
        return ""
    return "exact" if value == math.inf else f"{value:.1f}"


def told_db(value: float) -> str:
    """A ratio in a sentence: "35.2 dB", or that there is no error at all."""
    return "no error at all" if value == math.inf else f"{decibels(value)} dB"


def _start(c: Comparison) -> str:
    if not c.start:
        low = next(iter(c.worst(1)), None)
        least = "" if low is None else f"; the least is {decibels(low.figures.sqnr_db)} dB at {low.name!r}"
        return f"The error starts nowhere in particular: no tensor lies 10 dB or more below its inputs{least}."
    tensor = c.tensor(c.start)
    source = "exact" if tensor.source_sqnr_db == math.inf else f"{tensor.source_sqnr_db:.1f} dB"
    odd = tensor.figures.not_finite
    lost = f"; {odd} of its {tensor.figures.values} values are finite on one side only" if odd else ""
    ratio = decibels(tensor.figures.sqnr_db)
    return f"The error starts at {tensor.name!r} ({_maker(tensor)}): {ratio} dB from inputs of {source}{lost}."


def _drops(c: Comparison, most: int = 5) -> str:
    """Where it falls, which is not where it is lowest."""
    falling = [tensor for tensor in c.tensors if (tensor.drop_db or 0.0) >= 1 and not tensor.harmless]
    falling.sort(key=lambda compared: -(compared.drop_db or 0.0))
    told = ", ".join(f"{compared.drop_db:.1f} dB at {compared.name!r}" for compared in falling[:most])
    return f"It falls most by {told}." if told else "Nowhere does it fall by 1 dB."


def _worst(c: Comparison, count: int) -> None:
    rows = [
        [
            compared.name,
            _maker(compared),
            *_numbers(compared),
            decibels(compared.source_sqnr_db),
            f"{compared.drop_db or 0.0:.1f}",
        ]
        for compared in c.worst(count)
    ]
    if rows:
        columns = ("inner tensor", "computed by", *_FIGURES, "of its inputs", "drop dB")
        table(f"the worst {len(rows)} of {things(len(c.tensors), 'inner tensor')}", columns, rows, right=_RIGHT)


def _harmless(c: Comparison, most: int = 5) -> None:
    names = [tensor.name for tensor in c.tensors if tensor.harmless]
    if names:
        shown = listed(names, most, " and {} more")
        say(f"Far off, and nothing comes of it (masks, and values that a Clip cuts): {shown}.")


def _matched(c: Comparison) -> str:
    text = f"{things(len(c.tensors), 'inner tensor')} {'is' if len(c.tensors) == 1 else 'are'} in both"
    rest = [f"{len(names)} only in {side}" for side, names in (("A", c.only_a), ("B", c.only_b)) if names]
    return f"{text}; {' and '.join(rest)}: fused, renamed or added." if rest else f"{text}."


def _observer(c: Comparison) -> None:
    """Reading a tensor keeps an accelerator from fusing across it: tell how much that changed."""
    for side, moved in zip("AB", c.observer_db, strict=True):
        if moved is not None and moved < 80:  # less is the order of additions in float32
            say(
                f"Reading inner tensors changed {side}'s own outputs: they are {moved:.1f} dB from those without. "
                "Its inner figures are those of the observed graph; --group 1 reads one tensor at a time."
            )


def _emulated(c: Comparison) -> None:
    names = dict.fromkeys(name for side in (c.a, c.b) for name in side.emulated)
    if names:
        say(f"emulated here, not run on hardware: {', '.join(names)}", style="yellow")
