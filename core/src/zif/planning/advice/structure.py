"""Advice on the model itself: what engines fuse, what a cheaper convolution would bring, which activations cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zif.files.wording import duration, operators, ratio, size, things
from zif.model.attributes import attribute
from zif.planning.advice.separable import priced
from zif.planning.records import Advice

if TYPE_CHECKING:
    from zif.planning.advice.scene import Scene

#: What multiplies, and what an engine computes on its way out.
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
ENDS = frozenset({"Relu", "Clip", "BatchNormalization"})

#: Activations with a fixed end or none of their own, and those whose results spread on both sides, or over decades.
PLAIN = frozenset({"Relu", "Clip"})
SMOOTH = frozenset(
    """Sigmoid HardSigmoid Swish HardSwish QuickGelu Gelu FastGelu BiasGelu Erf Tanh Elu Selu Celu Mish Softplus
    Softsign LeakyRelu PRelu""".split()  # noqa: SIM905
)

#: Convolutions that are looked at one by one, and what share of the plan one has to take for it.
MOST, WORTH = 2, 0.05


def of_structure(scene: Scene) -> Iterator[Advice]:
    """What the author of the model could change."""
    yield from _fusion(scene)
    yield from _separable(scene)
    yield from _activations(scene)


def _fusion(scene: Scene) -> Iterator[Advice]:
    """Products with what stands right behind them: fused, priced apart, or on two backends."""
    pairs = list(_pairs(scene))
    apart = [pair for pair in pairs if scene.segment[pair[0]] != scene.segment[pair[1]]]
    norms = [second for _, second in pairs if scene.unit(second).op_type == "BatchNormalization"]
    if apart:
        yield _torn(scene, apart)
    if norms:
        us = sum(map(scene.us, norms))
        text = (
            f"{things(len(norms), 'BatchNormalization', 'BatchNormalizations')} behind what multiplies "
            f"({scene.such_as(norms)}) {'is' if len(norms) == 1 else 'are'} put at {scene.of_all(us)}; folded into the "
            "weights before, by an export in eval mode or `zif quantize`, they cost nothing"
        )
        yield Advice("fusion", text, scene.units(norms), round(us, 3))
    elif pairs and not apart:
        ends = [second for _, second in pairs]
        us = sum(map(scene.us, ends))
        types = operators(scene.unit(row).op_type for row in ends)
        text = (
            f"nothing to do: what stands right behind what multiplies ({types}) is in one segment with it, where "
            f"engines fuse both; {scene.of_all(us)} are for it"
        )
        yield Advice("fusion", text, scene.units(ends))


def _torn(scene: Scene, apart: Sequence[tuple[int, int]]) -> Advice:
    tensors = {name for first, _ in apart for name in scene.unit(first).outputs}
    moved = [transfer for transfer in scene.transfers if transfer.tensor in tensors]
    us, nbytes = sum(unit.us for unit in moved), sum(unit.bytes for unit in moved)
    first, second = apart[0]
    text = (
        f"{things(len(apart), 'pair')} that engines would fuse stand on two backends, such as {scene.unit(first).id} "
        f"on {scene.backend(first)} and {scene.unit(second).id} on {scene.backend(second)}: moving what lies between, "
        f"{size(nbytes)}, takes {scene.of_all(us)}"
    )
    return Advice("fusion", text, scene.units([row for pair in apart for row in pair]), round(us, 3))


def _pairs(scene: Scene) -> Iterator[tuple[int, int]]:
    for row, unit in enumerate(scene.model.units):
        if unit.op_type in PRODUCTS and unit.weights:
            reader = scene.only_reader(row)
            if reader is not None and scene.unit(reader).op_type in ENDS:
                yield row, reader


def _separable(scene: Scene) -> Iterator[Advice]:
    """The dearest plain convolutions, each beside a depthwise and a 1 x 1 convolution in its place."""
    rows = [row for row, unit in enumerate(scene.model.units) if unit.op_type == "Conv" and _plain(scene, row)]
    rows.sort(key=lambda row: -scene.us(row))
    for row in rows[:MOST]:
        if scene.us(row) >= WORTH * scene.predicted.latency_us:
            yield from _one_separable(scene, row)


def _plain(scene: Scene, row: int) -> bool:
    """Whether a convolution has one group, channels enough, and a kernel of more than one place."""
    unit = scene.unit(row)
    node = scene.model.proto.graph.node[_conv(scene, row)]
    weight = scene.model.tensors.get(node.input[1])
    shape = weight.shape if weight is not None and weight.static else None
    if shape is None or len(shape) != 4 or attribute(node, "group", 1) != 1 or not unit.macs:
        return False
    out, into, height, width = (int(dim) for dim in shape if dim is not None)
    return height * width > 1 and min(out, into) >= 8


def _conv(scene: Scene, row: int) -> int:
    nodes = scene.model.proto.graph.node
    return next(index for index in scene.unit(row).nodes if nodes[index].op_type == "Conv")


def _one_separable(scene: Scene, row: int) -> Iterator[Advice]:
    unit, node = scene.unit(row), scene.model.proto.graph.node[_conv(scene, row)]
    separable = priced(scene.model, node, scene.target, scene.capabilities[scene.backend(row)])
    if separable is None:
        return
    now, then = scene.us(row), scene.us(row) * separable.cost_ratio
    macs = f"{unit.macs / 1e6:.3g} MMAC to {unit.macs * separable.macs_ratio / 1e6:.3g}"
    told = (
        f"{unit.id} ({separable.kernel} Conv, {separable.into} to {separable.out} channels) takes {scene.of_all(now)} "
        f"on {scene.backend(row)}; a depthwise {separable.kernel} and a 1×1 convolution in its place go from {macs}, "
    )
    if then < 0.95 * now:
        end = f"and are put at {duration(then)}: {ratio(now, then)} as fast, once the model is trained with them"
        yield Advice("depthwise", told + end, (unit.id,), round(now - then, 3))
    else:
        yield Advice("depthwise", f"{told}but are put at {duration(then)}: no gain on this processor", (unit.id,))


def _activations(scene: Scene) -> Iterator[Advice]:
    """Which activations there are, what they take, and what that means for 8 bits."""
    rows = [row for row, unit in enumerate(scene.model.units) if unit.op_type in SMOOTH | PLAIN and not unit.domain]
    smooth = [row for row in rows if scene.unit(row).op_type in SMOOTH]
    us = sum(map(scene.us, smooth or rows))
    if smooth:
        types = operators(scene.unit(row).op_type for row in smooth)
        text = (
            f"{types}: {scene.of_all(us)}, and results without an end that 8 bits could be laid against; a Relu or "
            "Clip is fused with what multiplies before it. `zif compare` gives what each loses in 8 bits, in dB"
        )
        yield Advice("activations", text, scene.units(smooth), round(us, 3))
    elif rows:
        types = operators(scene.unit(row).op_type for row in rows)
        text = f"nothing to do: {types} quantize well, and are put at {scene.of_all(us)}"
        yield Advice("activations", text, scene.units(rows))
