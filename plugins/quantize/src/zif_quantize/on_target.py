"""A model on a chip's accelerator: what is measured there is its arithmetic, whatever would be cheapest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen
from zif import Unsupported

from zif_quantize.ort.libraries import named

if TYPE_CHECKING:
    import onnx
    from zif import Session

    from zif_quantize.measure import Judge


@frozen
class Measured:
    """SQNR per output in dB on a target, the backends that ran, and those of them that are emulators."""

    sqnr: Mapping[str, float] = Factory(dict)
    backends: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()


def measured(judge: Judge, proto: onnx.ModelProto, target: str) -> Measured:
    """Run the judge's samples on the target. Raises what `zif.load` and `session.run` raise."""
    with accelerated(proto, target) as session:
        return Measured(judge.sqnr(session), session.plan.backends, session.plan.emulated)


@contextmanager
def accelerated(proto: onnx.ModelProto, target: str) -> Iterator[Session]:
    """A session with every unit on an accelerator that takes it.

    Small models are cheapest on the chip's CPU under any policy; where a unit cannot be pinned after all, the plan of
    the policy "power" stands.
    """
    import zif
    from zif.plugin import idle_accelerator, literal

    best, units = idle_accelerator(zif.plan(proto, target=target, policy="power", custom_ops=named()))
    pin = {literal(name): best for name in units}
    wanted: dict[str, Any] = {"target": target, "policy": "power", "cache": False, "custom_ops": named()}
    try:
        session = zif.load(proto, pin=pin, **wanted)
    except Unsupported:
        session = zif.load(proto, **wanted)
    with session:
        yield session
