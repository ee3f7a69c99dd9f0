"""What Rockchip's NPUs want of a quantized model, as rknn-toolkit2 was seen to take it."""

from __future__ import annotations

from zif.plugin import QuantizationRules

RULES = QuantizationRules(signed_activations=True)
