"""Static quantization of float models to QDQ: calibrate once, quantize in many ways, say what was done.

The arithmetic is onnxruntime's (`onnxruntime.quantization`). Here it is chosen, checked and explained; the forms that a
backend wants are its own to say (`zif.plugin.QuantizationRules`). Each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif_quantize.auto import Quantized, Trial, auto_quantize
    from zif_quantize.calibration.ranges import Ranges, calibrate
    from zif_quantize.engine import quantize_model
    from zif_quantize.recipes import METHODS, PRESETS, Recipe, recipe
    from zif_quantize.result import Quantization
    from zif_quantize.rewrites.prepare import prepare
    from zif_quantize.run import quantize

# ONNX Runtime reports to its makers by default, and keeps a database in HOME and a file in TMPDIR for it. It decides
# when it is imported, which nothing here has done yet; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "zif_quantize.auto": ("Quantized", "Trial", "auto_quantize"),
    "zif_quantize.calibration.ranges": ("Ranges", "calibrate"),
    "zif_quantize.engine": ("quantize_model",),
    "zif_quantize.recipes": ("METHODS", "PRESETS", "Recipe", "recipe"),
    "zif_quantize.rewrites.prepare": ("prepare",),
    "zif_quantize.result": ("Quantization",),
    "zif_quantize.run": ("quantize",),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "METHODS",
    "PRESETS",
    "Quantization",
    "Quantized",
    "Ranges",
    "Recipe",
    "Trial",
    "auto_quantize",
    "calibrate",
    "prepare",
    "quantize",
    "quantize_model",
    "recipe",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'zif_quantize' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value
