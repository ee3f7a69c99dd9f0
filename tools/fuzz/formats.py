"""Documents that people write, valid: damaged by the campaign."""

from __future__ import annotations

from typing import Any

_ROW = {"bitwidth": 8, "scale": 0.1, "offset": -128, "min": -12.8, "max": 12.7, "is_symmetric": "False"}
_NAMED = {
    "name": "m",
    "dtype": "INT",
    "bw": 8,
    "is_sym": False,
    "scale": [0.1],
    "offset": [-128],
    "enc_type": "PER_TENSOR",
}
_LATEST = {"name": "m", "output_dtype": "uint8", "y_scale": [0.1, 0.2], "y_zero_point": [1, 2], "axis": 1}
#: Encodings as QNN and AIMET write them.
ENCODINGS: tuple[Any, ...] = (
    {"activation_encodings": {"m": [_ROW], "y": [_ROW]}, "param_encodings": {"w": [_ROW] * 4}},
    {"version": "0.6.1", "activation_encodings": {"m": [{**_ROW, "dtype": "int"}]}, "param_encodings": {"w": [_ROW]}},
    {"version": "1.0.0", "activation_encodings": [_NAMED], "param_encodings": [{**_NAMED, "name": "w"}]},
    {
        "version": "2.0.0",
        "encodings": [_LATEST, {"name": "w", "output_dtype": "int4", "y_scale": [[0.1] * 4], "axis": 0}],
    },
)
_PROCESSOR = {"macs_per_s": {"fp32": 1e10, "int8": 5e10}, "bytes_per_s": 5e9, "source": "bench"}
TARGETS: Any = {
    "schema": "zif.targets/1",
    "targets": [
        {
            "name": "mine",
            "aliases": ["m"],
            "machine": {},
            "processors": {"cpu": _PROCESSOR},
            "sources": {"title": "it"},
        },
        {"name": "alike", "like": "snapdragon-8-gen-3", "sources": {"title": "it"}},
    ],
}
CHIPS = """[[target]]
name = "mine"
aliases = ["m", "n"]
[target.processors.cpu]
macs_per_s = { int8 = 5e12, fp32 = 1e10 }
bytes_per_s = 5e9
source = "bench"
[[target]]
name = "alike"
like = "snapdragon-8-gen-3"
"""
CONFIG: Any = {
    "qnn_cpu": {"num_threads": 2, "deterministic": True},
    "reference": {},
    "qnn_htp": {"performance_mode": "burst", "optimization_level": 3},
    "isolate": ["qnn_cpu"],
}
STEPS = """resize = [4, 4]
scale = "1/255"
layout = "nchw"
color = "rgb"
[input.x]
mean = [0.5, 0.5, 0.5]
std = [0.2, 0.2, 0.2]
"""
LISTS = ("x:=FILE\n# no\nx:=x.npy\n", "FILE\nx.npy\n", "x:=FILE y:=x.npy\n", "#y\nx:=x.npy\n../x.npy\n")
