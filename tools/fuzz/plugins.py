"""Distributions whose metadata, or data that core reads without importing anything, is not as it should be.

A plugin is trusted to be no enemy, and not to be without mistakes: what is wrong with it is a sentence that names it.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from random import Random

from tools.fuzz import documents, odd
from tools.fuzz.formats import TARGETS
from tools.fuzz.material import CHIP, Material
from tools.fuzz.world import Case

#: Where the distribution lies, below the working folder.
SITE = "site"
_POINTS = """[zif.targets]
acme = acme:chips.json
[zif.costs]
acme = acme:costs.json
[zif.encodings]
acme = acme:encodings.json
[zif.backends]
acme = acme.backend
[zif.commands]
acme = acme.commands:command
[zif.checks]
acme = acme.commands:checks
[zif.verbs]
acme = acme.commands:command
"""
_METADATA = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\nRequires-Dist: zif>=0.1\n\nIt.\n"
_BACKEND = """import zif
@zif.hookimpl
def capabilities(target, model):
    return zif.Capabilities(processor="cpu", toolchain="t", verdicts={})
"""
_COMMANDS = 'def command() -> None:\n    "Say it."\n    print("it")\ndef checks():\n    return []\n'
_KNOWN = (
    "schema",
    "targets",
    "name",
    "like",
    "processors",
    "rates",
    "sources",
    "formats",
    "tables",
    "figures",
    "vendor",
)


def damaged_plugin(rng: Random, material: Material) -> Case:
    """A command beside such a distribution."""
    info, package = f"{SITE}/acme-1.0.dist-info", f"{SITE}/acme"
    texts = {f"{info}/entry_points.txt": _POINTS, f"{info}/METADATA": _METADATA}
    texts |= {f"{package}/__init__.py": "", f"{package}/backend.py": _BACKEND, f"{package}/commands.py": _COMMANDS}
    files = {name: text.encode() for name, text in texts.items()}
    data = {"chips.json": TARGETS, **{name: _shipped(name) for name in ("costs.json", "encodings.json")}}
    files |= {f"{package}/{name}": json.dumps(content).encode() for name, content in data.items()}
    way = rng.choice(
        ("points", "points", "metadata", "chips.json", "chips.json", "costs.json", "encodings.json", "gone")
    )
    if way == "points":
        files[f"{info}/entry_points.txt"] = documents.worded(rng, _POINTS).encode("utf-8", "replace")
    elif way == "metadata":
        files[f"{info}/METADATA"] = documents.worded(rng, _METADATA).encode("utf-8", "replace")
    elif way == "gone":
        del files[rng.choice(sorted(files))]
    elif rng.random() < 0.1:
        files[f"{package}/{way}"] = odd.spoiled(rng, files[f"{package}/{way}"])
    else:
        files[f"{package}/{way}"] = documents.written(rng, documents.damaged(rng, data[way], _KNOWN))
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    ways = (("targets",), ("targets", "mine"), ("plan", "m.onnx", "-t", "mine"), ("plan", "m.onnx", "-t", CHIP))
    ways += (("doctor",), ("version",), ("backends",), ("--help",), ("run", "m.onnx", "--random", "0"), ("acme",))
    return Case(rng.choice(ways), files, {"PYTHONPATH": SITE})


def _shipped(name: str) -> object:
    """A table that a distribution of this repository brings."""
    spec = find_spec("zif_qnn_runtime")
    assert spec is not None
    assert spec.origin is not None
    return json.loads(Path(spec.origin).with_name(name).read_text(encoding="utf-8"))
