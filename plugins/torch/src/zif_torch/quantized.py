"""Modules with quantization in them: what was learned in training stays as scales, which ONNX says as QDQ."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.ao.quantization.fake_quantize import FakeQuantizeBase
from zif import InvalidModel

#: Packages whose modules compute in integers by kernels of PyTorch's own.
_KERNELS = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")
_WAY = (
    "was converted to PyTorch's own integer kernels, which no exporter can say in ONNX: give the module as it was "
    "before `convert` (its fake quantization comes in as QDQ with the scales that it has), or quantize it with "
    "torchao.quantization.pt2e (prepare_pt2e, convert_pt2e), which comes in as QDQ, too"
)


class Frozen(torch.nn.Module):  # type: ignore[misc]  # torch is not where types are checked
    """A fake quantization whose scales stay as they are."""

    def __init__(self, learned: Any) -> None:
        super().__init__()
        self.register_buffer("scale", learned.scale.detach().clone().float())
        self.register_buffer("zero_point", learned.zero_point.detach().clone().to(torch.int32))
        self.axis = int(learned.ch_axis) if learned.is_per_channel else -1
        self.range = (int(learned.activation_post_process.quant_min), int(learned.activation_post_process.quant_max))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rounded to the steps, and back."""
        if self.axis >= 0:
            return torch.fake_quantize_per_channel_affine(x, self.scale, self.zero_point, self.axis, *self.range)
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, *self.range)


def frozen(model: Any, label: str) -> Any:
    """The module with its scales settled; the same object where it has none. Raises InvalidModel with the way in."""
    if not isinstance(model, torch.nn.Module):
        return model
    for name, module in model.named_modules():
        if type(module).__module__.startswith(_KERNELS):
            raise InvalidModel(f"{label}: {name or 'it'} ({type(module).__name__}) {_WAY}")
    shared = model.named_modules(remove_duplicate=False)
    learned = [name for name, observer in shared if isinstance(observer, FakeQuantizeBase)]
    if not learned:
        return model
    made = copy.deepcopy(model)  # the caller may go on training it
    for name in learned:
        outer, _, inner = name.rpartition(".")
        module = made.get_submodule(name)
        on = not hasattr(module, "fake_quant_enabled") or bool(module.fake_quant_enabled[0])
        setattr(made.get_submodule(outer), inner, Frozen(module) if on else torch.nn.Identity())
    return made.eval()
