"""Adds to `observed.json` what evaluators of older onnx get wrong: the newest one's node tests, run on each of them.

python -m tools.tables.reference_older

A rule then says of which versions it is ("onnx<1.18"). Older tests are no judge: some of theirs were wrong themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import zif
import zif_reference
from attrs import evolve
from zif.model import installed_onnx
from zif.testing.learning import learn
from zif.testing.nodetests import NodeTest, node_tests, observe
from zif.verdicts import observed
from zif_reference.operators import ENGINE, verdicts

from tools.tables.reference import further_tests

ROOT = Path(__file__).resolve().parents[2]
#: From the oldest that is allowed on; the one that is installed is the end.
VERSIONS = ("1.16.0", "1.17.0", "1.18.0", "1.19.1", "1.20.1", "1.21.0", "1.22.0")
_Key = tuple[str, str, tuple[str, ...]]


def main(arguments: list[str]) -> int:
    """Make the rules of every older version and write them behind those of this one."""
    if arguments:
        return _judge(Path(arguments[0]), Path(arguments[1]))
    with tempfile.TemporaryDirectory() as folder:
        print(f"{_store(Path(folder))} tests of onnx {onnx.__version__}", file=sys.stderr)
        tables = [_of_version(version, Path(folder)) for version in VERSIONS]
    place = Path(zif_reference.__file__).with_name("observed.json")
    newest = observed.load(place)
    kept = tuple(rule for rule in newest.rules if not rule.versions)
    older = [*_merged(tables, {_key(rule) for rule in kept})]
    observed.save(evolve(newest, rules=(*kept, *older)), place)
    print(f"{place}: {len(older)} rules of older versions", file=sys.stderr)
    return 0


def _store(folder: Path) -> int:
    """Write the tests whose values every numpy has; how many they are."""
    names = []
    for test in (*node_tests(), *further_tests()):
        arrays = [value for inputs, outputs in test.data for value in (*inputs, *outputs)]
        if not test.random and all(isinstance(a, np.ndarray) and a.dtype.isbuiltin == 1 for a in arrays):
            (folder / f"{len(names)}.onnx").write_bytes(test.model.SerializeToString())
            for number, ends in enumerate(test.data):
                values = {f"{kind}{i}": a for kind, some in zip("io", ends, strict=True) for i, a in enumerate(some)}
                texts = {name: a.astype("U") if a.dtype == object else a for name, a in values.items()}
                np.savez(folder / f"{len(names)}.{number}.npz", **texts)
            names.append((test.name, len(test.data), test.rtol, test.atol))
    (folder / "names.json").write_text(json.dumps(names))
    return len(names)


def _stored(folder: Path) -> Iterator[NodeTest]:
    for number, (name, runs, rtol, atol) in enumerate(json.loads((folder / "names.json").read_text())):
        model = onnx.load(str(folder / f"{number}.onnx"))
        model.ir_version = min(model.ir_version, installed_onnx.NEWEST_IR)
        for item in model.opset_import:
            if item.domain == "":  # what newer opsets add to old operators is types, mostly; others do not load
                item.version = min(item.version, installed_onnx.NEWEST_OPSET)
        data = [np.load(folder / f"{number}.{run}.npz") for run in range(runs)]
        yield NodeTest(name, model, tuple((_ends(path, "i"), _ends(path, "o")) for path in data), rtol, atol)


def _ends(values: Any, kind: str) -> tuple[Any, ...]:
    some = [values[name] for name in values.files if name[0] == kind]
    return tuple(value.astype(object) if value.dtype.kind == "U" else value for value in some)


def _of_version(version: str, folder: Path) -> observed.Table:
    """The table of one older version, made in an environment of its own."""
    place, out = folder / f"env-{version}", folder / f"{version}.json"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", place, "--python", sys.executable], check=True)
    sources = ["-e", str(ROOT / "core"), "-e", str(ROOT / "plugins/reference")]
    numpy = "numpy==1.26.*" if version < "1.19" else "numpy"  # as old as what it is installed beside
    install = ["pip", "install", "--python", str(place), *sources, f"onnx=={version}", numpy, "pillow"]
    subprocess.run([*uv, *install], check=True)
    words = [str(place / "bin/python"), "-m", "tools.tables.reference_older", str(folder), str(out)]
    subprocess.run(words, check=True, cwd=ROOT, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    return observed.load(out)


def _judge(folder: Path, out: Path) -> int:
    """In the environment of an older version: what of its promises does not hold."""
    backend, target, tests = zif.backend("reference"), zif.target("host"), []
    for test in _stored(folder):
        try:
            zif.Model.load(test.model)
        except zif.ZifError:
            continue
        tests.append(test)
    cases = [case for case in observe(backend, target, tests, verdicts) if case.claimed]
    observed.save(learn(cases, ENGINE), out)
    wrong = sum(case.outcome != "right" for case in cases)
    print(f"{ENGINE}: {len(cases)} tests, {wrong} of them not right", file=sys.stderr)
    return 0


def _key(rule: observed.Rule) -> _Key:
    return rule.domain, rule.op_type, rule.when


def _merged(tables: list[observed.Table], known: set[_Key]) -> Iterator[observed.Rule]:
    """Each rule with the versions that have it; the words are those of the newest of these."""
    ends = [*(".".join(version.split(".")[:2]) for version in VERSIONS), ""]
    kept = [{_key(rule): rule for rule in table.rules if _key(rule) not in known} for table in tables]
    for key in sorted({key for rules in kept for key in rules}):
        at = [number for number, rules in enumerate(kept) if key in rules]
        lower = f">={ends[at[0]]}," if at[0] else ""
        after = ends[at[-1] + 1] or ".".join(onnx.__version__.split(".")[:2])
        yield evolve(kept[at[-1]][key], versions=f"onnx{lower}<{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
