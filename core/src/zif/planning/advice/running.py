"""Advice on how a plan is run: batches, memory that is there once, modes against heat, and what is held when idle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from zif.files.wording import duration, listed, size
from zif.planning.energy import MODE
from zif.planning.records import Advice

if TYPE_CHECKING:
    from zif.planning.advice.scene import Scene

#: The batch that the gain is told for.
BATCH = 8


def of_running(scene: Scene) -> Iterator[Advice]:
    """What the host that runs the plan could do."""
    yield from _batch(scene)
    yield _static(scene)
    yield from _heat(scene)
    yield _idle(scene)


def _batch(scene: Scene) -> Iterator[Advice]:
    """What is paid once a run, whatever the batch: launches, and the fixed part of transfers."""
    first = next((info for info in scene.model.inputs if info.shape and len(info.shape) > 1), None)
    total = scene.predicted.latency_us
    if first is None or first.shape is None or not total or not isinstance(first.shape[0], int | str | None):
        return
    fixed = min(_fixed(scene), total)
    now = first.shape[0] if isinstance(first.shape[0], int) else 1
    info, many = 1e6 * now / total, 1e6 * now * BATCH / (fixed + BATCH * (total - fixed))
    head = f"{duration(fixed)} of {duration(total)} are paid once a run, whatever the batch (launches, links). "
    if many < 1.1 * info:
        text = f"{head}A batch of {now} comes to {info:,.0f} inputs/s at the most, and a larger one to no more"
    else:
        dims = ",".join(str(BATCH * now if place == 0 else dim or "?") for place, dim in enumerate(first.shape))
        text = (
            f"{head}A batch of {now} answers soonest, {info:,.0f} inputs/s at the most; {BATCH} times as many come to "
            f"{many:,.0f}, where the model takes `--shape {first.name}={dims}`"
        )
    yield Advice("batch", text)


def _fixed(scene: Scene) -> float:
    prices = scene.prices
    at = {name: label for label, name in enumerate((*scene.names, "host"))}
    launches = sum(float(prices.launch_us[at[segment.backend]]) for segment in scene.segments)
    return launches + sum(
        float(prices.link_us[at[transfer.source], at[transfer.destination]]) for transfer in scene.transfers
    )


def _static(scene: Scene) -> Advice:
    """Whether everything has its place before the first run."""
    open_ones = [info.name for info in scene.model.inputs if not info.static]
    between = {name for segment in scene.segments for name in segment.inputs} & {
        name for segment in scene.segments for name in segment.outputs
    }
    nbytes = sum(_bytes(scene, name) for name in between)
    if open_ones:
        text = f"{listed(open_ones, 3)} not fixed: buffers are made anew for every shape; --shape makes them once"
    else:
        shared = f"the {size(nbytes)} that segments hand on" if between else "what segments hand on (here nothing)"
        text = (
            f"every shape is fixed: {shared} can lie in buffers that are made once; "
            f"outputs, {size(_outputs(scene))} a run, are the caller's"
        )
    return Advice("static", text)


def _outputs(scene: Scene) -> int:
    return sum(value.nbytes or 0 for value in scene.model.outputs)


def _bytes(scene: Scene, name: str) -> int:
    info = scene.model.tensors.get(name)
    return (info.nbytes or 0) if info is not None else 0


def _heat(scene: Scene) -> Iterator[Advice]:
    """What has to be cooled, and what backends whose clocks can be chosen say of their modes."""
    told = scene.predicted
    if not told.power:
        return
    draws = ", ".join(
        f"{name} {watts.watts:g} W ({watts.low:g} to {watts.high:g})" for name, watts in told.power.items()
    )
    text = f"without a pause {told.average_watts:.3g} W have to be cooled: {draws}"
    for name in told.power:
        said = _modes(scene.capabilities[name].options)
        if said is not None:
            mode = scene.modes.get(name, "")
            text += f". {name}, {MODE} {mode or 'as it is by default'}{f': {said}' if said else ''}"
    yield Advice("heat", text)


def _modes(options: type) -> str | None:
    """What a backend's options say of their performance modes; None where clocks cannot be chosen."""
    fields = attrs.fields(options) if attrs.has(options) else ()
    modes = next((field for field in fields if field.name == MODE), None)
    return None if modes is None else str(modes.metadata.get("advice", ""))


def _idle(scene: Scene) -> Advice:
    held = {name: memory.weights_bytes for name, memory in scene.predicted.memory.items() if name != "host"}
    where = ", ".join(f"{size(nbytes)} on {name}" for name, nbytes in held.items())
    text = (
        f"an open session holds {where or 'nothing'} of weights when nothing runs, too: close it "
        "(`with zif.load(...)`); the cache, or a bundle, opens it again without compiling"
    )
    return Advice("idle", text)
