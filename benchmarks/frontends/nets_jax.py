"""JAX's models of the table; run as a script where JAX is, it exports each as its documentation says."""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from by_zif import by_zif
from flax import nnx

_KERNEL, _LAST = (
    jax.random.normal(jax.random.PRNGKey(0), (3, 3, 3, 16)) * 0.2,
    jax.random.normal(jax.random.PRNGKey(1), (16, 10)),
)
#: Name, what it shows, the shape of its input.
ROWS = (("predict", "a function, convolution", (1, 16, 16, 3)), ("Net", "a Flax module", (2, 8)))


def predict(x: Any) -> Any:
    """A convolution and a product."""
    y = jax.lax.conv_general_dilated(x, _KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jax.nn.relu(y).mean((1, 2)) @ _LAST


class Net(nnx.Module):
    """Two linear layers."""

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.first, self.last = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(nnx.relu(self.first(x)))


def _tried(name: str, shape: tuple[int, ...], folder: Path) -> dict[str, Any]:
    import jax2onnx
    import onnx

    case = globals()[name]
    model = case() if isinstance(case, type) else case
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    np.savez(folder / f"{name}.npz", x=x, y=np.asarray(model(x)))
    ours = by_zif(f"nets.py:{name}", folder, shapes={"x": shape})
    try:
        onnx.save(jax2onnx.to_onnx(model, [jax.ShapeDtypeStruct(shape, np.float32)]), folder / f"{name}.onnx")
    except Exception as error:
        return {"ours": ours, "refused": str(error).strip().splitlines()[0][:90]}
    return {"ours": ours}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    (place / "alone.json").write_text(json.dumps({name: _tried(name, shape, place) for name, _, shape in ROWS}))
