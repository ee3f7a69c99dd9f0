"""The `reference` backend: ONNX's own evaluator, in Python and numpy.

It is slow and it knows nearly every operator, so it takes what no other backend takes, and judges them all. It is also
the template for a new backend: two hooks are required, `capabilities` and `load`; `convert`, `compile` and `execute`
are left to core's defaults, which hand the segment on as an ONNX model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from zif import Capabilities, Compiled, Executable, Rates, hookimpl

if TYPE_CHECKING:
    from zif import Model

# What one core of an ordinary machine did. Convolutions reached 3e7 to 5e8 and matrix products 1e9 multiplications a
# second, element-wise operators 5e9 bytes and pooling 2e6, and every node costs Python calls. Low on purpose: no
# placement should prefer this backend for its speed.
RATES = Rates(
    macs_per_s={"fp32": 2e8, "fp16": 1e8, "int8": 1e8, "int16": 1e8},
    bytes_per_s=1e8,
    op_us=50.0,
    launch_us=40.0,
    watts=15.0,
    source="measured with onnx 1.23 on one core of an AMD EPYC",
)


@hookimpl
def capabilities(model: Model | None) -> Capabilities:
    """Every operator that the evaluator says it has; with a model, a verdict on each of its units."""
    # The evaluator is imported here and not above: who only lists backends does not wait for it.
    from zif_reference.operators import ENGINE, beyond, claims, verdicts

    return Capabilities(
        processor="cpu",
        toolchain=ENGINE,
        ops=claims(),
        preferred_precision="fp32",
        exact={},
        power_efficiency=0.05,
        rates=RATES,
        verdicts={} if model is None else verdicts(model),
        notes=("ONNX's reference evaluator in Python: right, and slow", *_gaps(beyond())),
    )


def _gaps(dtypes: Collection[str]) -> Iterator[str]:
    if dtypes:
        yield f"it computes in {', '.join(sorted(dtypes))} from onnx 1.19 on"


@hookimpl
def load(compiled: Compiled, options: Any) -> Executable:  # noqa: ARG001 - this backend has no options
    """Open the segment's ONNX model."""
    from zif_reference.executable import Evaluation

    return Evaluation(compiled)
