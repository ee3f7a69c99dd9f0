"""Values for a model's inputs from what people have: npy, npz, raw, TensorProto, JSON and image files, input lists,
or random numbers. Everything takes its dtype and shape from the model, and every error names the file and the tensor.

What may come in: reading and checking values that a caller hands in. What a model does with them is not known here.
"""

from __future__ import annotations

from zif.inputs.files import read
from zif.inputs.lists import Line, read_list
from zif.inputs.named import read_named
from zif.inputs.preprocess import Preprocess, parse
from zif.inputs.randoms import random_inputs

__all__ = ["Line", "Preprocess", "parse", "random_inputs", "read", "read_list", "read_named"]
