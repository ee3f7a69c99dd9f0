"""Static quantization of float models to QDQ: calibrate once, quantize in many ways, say what was done.

The arithmetic is onnxruntime's (`onnxruntime.quantization` and its QNN configuration), an optional dependency:
`pip install 'zif[quantize]'`. Here it is chosen, checked and explained.
"""

from __future__ import annotations

from zif.quantization.auto import Quantized, Trial, auto_quantize
from zif.quantization.calibration import Ranges, calibrate
from zif.quantization.engine import quantize_model
from zif.quantization.prepare import prepare
from zif.quantization.recipe import METHODS, PRESETS, Recipe, recipe
from zif.quantization.run import Quantization, quantize

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
