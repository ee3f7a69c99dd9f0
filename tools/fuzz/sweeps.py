"""Sweeps: the file that describes one, and its table, as another program or another version might have written them."""

from __future__ import annotations

import io
import json
from random import Random
from typing import Any

from tools.fuzz import documents, odd
from tools.fuzz.material import CHIP, Material
from tools.fuzz.world import Case, with_json

Words = tuple[str, ...]
_SWEEP = """models = ["m.onnx"]
targets = ["host", "snapdragon-8-gen-*"]
precisions = ["float"]
stages = ["plan"]
output = "t.jsonl"
runs = 3
plan = { only = ["qnn_cpu"], policy = "memory" }
shapes = { x = [1, 4] }

[[model]]
name = "b"
file = "m.onnx"
ready.w8a8 = "m.onnx"

[[more]]
models = ["m*"]
targets = ["host"]
stages = ["plan", "run"]
"""
#: Names that a sweep file and a row have.
_KNOWN = ("schema", "key", "model", "target", "precision", "stage", "state", "latency_us", "parts", "bytes", "notes")


def sweep(rng: Random, material: Material) -> Case:
    """A sweep from a damaged description, or what is made of a damaged table."""
    return rng.choice((_described, _table, _table, _table))(rng, material)


def _described(rng: Random, material: Material) -> Case:
    text = documents.worded(rng, _SWEEP)
    if rng.random() < 0.5:  # no chip, which costs a tenth
        text = text.replace(', "snapdragon-8-gen-*"', "")
    files = {"s.toml": text.encode("utf-8", "replace"), "m.onnx": material.models["mlp"].SerializeToString()}
    ways: tuple[tuple[Words, Words], ...] = (
        (("sweep", "s.toml"), ("t.jsonl", "t.jsonl.models", "s.jsonl", "s.jsonl.models")),
        (("sweep", "s.toml", "--estimate"), ()),
        (("sweep", "s.toml", "--estimate", "--scale", documents.worded(rng, "300x40x4").replace("\0", "")), ()),
        (("sweep", "s.toml", "-o", "t.parquet"), ("t.parquet", "t.parquet.models", "t.parquet.jsonl")),
        (("sweep", "s.toml", "--html", "p.html", "-o", "t.jsonl"), ("t.jsonl", "t.jsonl.models", "p.html")),
    )
    words, writes = rng.choice(ways)
    return Case(with_json(rng, words), files, {}, writes)


def _table(rng: Random, material: Material) -> Case:
    rows = material.table()
    new = [documents.damaged(rng, row, _KNOWN) if rng.random() < 0.6 else row for row in rows]
    name, content = _columns(rng, rows) if rng.random() < 0.25 else ("new.jsonl", _lines(rng, new))
    files = {name: content, "old.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows)}
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    threshold = documents.worded(rng, "latency=5%").replace("\0", "")
    ways: tuple[tuple[Words, Words], ...] = (
        (("sweep", name), ()),
        (("sweep", name, "--html", "p.html"), ("p.html",)),
        (("sweep", name, "--diff", "old.jsonl"), ()),
        (("sweep", "old.jsonl", "--diff", name, "--html", "p.html"), ("p.html",)),
        (("sweep", "old.jsonl", "--diff", name, "--markdown"), ()),
        (("sweep", "old.jsonl", "--diff", name, "--threshold", threshold), ()),
        (("sweep", "m.onnx", "--estimate", "--costs", name), ()),
        (("sweep", "m.onnx", "-t", CHIP, "-o", name, "--estimate"), ()),
    )
    words, writes = rng.choice(ways)
    return Case(with_json(rng, words), files, {}, writes)


def _lines(rng: Random, rows: list[Any]) -> bytes:
    lines = [documents.written(rng, row).replace(b"\n", b"") for row in rows]
    content = b"\n".join(lines) + rng.choice((b"\n", b"\n", b"", b"\n{", b"\r\n\n"))
    return odd.spoiled(rng, content) if rng.random() < 0.1 else content


def _columns(rng: Random, rows: list[Any]) -> tuple[str, bytes]:
    """A table in Parquet, its bytes or its columns damaged."""
    import pyarrow
    from pyarrow import parquet
    from zif_sweep.parquet import schema

    plain = [{key: value for key, value in row.items() if key != "schema"} for row in rows]
    way = rng.choice(("bytes", "bytes", "columns", "many"))
    made = pyarrow.Table.from_pylist(plain, schema=schema())
    if way == "columns":
        place = rng.randrange(made.num_columns)
        values = [rng.choice((1, 2**62, -1))] * len(plain)
        made = made.set_column(place, rng.choice(made.column_names), pyarrow.array(values))
    elif way == "many":
        made = pyarrow.concat_tables([made] * rng.choice((2, 20_000)))
    stream = io.BytesIO()
    parquet.write_table(made.replace_schema_metadata(schema().metadata), stream)
    return "new.parquet", odd.spoiled(rng, stream.getvalue()) if way == "bytes" else stream.getvalue()
