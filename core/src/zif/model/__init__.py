"""An ONNX model as units, tensors, sizes and MACs; loading, slicing and hashing it without touching its weights.

What may come in: what can be said of a model by itself, without any backend.
"""

from zif.model.model import Model, load
from zif.model.units import Unit

__all__ = ["Model", "Unit", "load"]
