"""An ONNX model as units, tensors, sizes and MACs; loading, slicing and hashing it without touching its weights."""

from zif.model.model import Model, load
from zif.model.units import Unit

__all__ = ["Model", "Unit", "load"]
