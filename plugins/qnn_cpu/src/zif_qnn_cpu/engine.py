"""Which engine it is. Importing it imports ONNX Runtime, and no tables of what that can do."""

from __future__ import annotations

import onnxruntime

PROVIDER = "CPUExecutionProvider"
ENGINE = f"onnxruntime {onnxruntime.__version__} {PROVIDER}"
