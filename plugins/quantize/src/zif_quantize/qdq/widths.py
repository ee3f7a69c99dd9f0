"""An encoding in other bits: the same range, in finer or coarser steps."""

from __future__ import annotations

import attrs
import numpy as np
from onnx import TensorProto
from zif.plugin import Encoding, span

from zif_quantize.ort.tools import tools


def resized(encoding: Encoding, dtype: str) -> Encoding:
    """An encoding of one scale as another integer type, over the same range; signed types are symmetric."""
    helpers = tools("quant_utils")
    symmetric = not dtype.startswith("u")
    kind = TensorProto.DataType.Value(dtype.upper())
    least, most = helpers.get_qmin_qmax_for_qType(kind, symmetric=symmetric)
    with np.errstate(over="ignore"):
        low, high = (np.array(end, np.float32) for end in span(encoding))
        zero, scale = helpers.compute_scale_zp(low, high, least, most, symmetric)
    return attrs.evolve(encoding, dtype=dtype, scale=(float(np.float32(scale)),), zero_point=(int(zero),))
