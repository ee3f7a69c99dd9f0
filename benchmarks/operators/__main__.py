"""What people write in PyTorch, on HTP beside the CPU: right, refused (it runs elsewhere), or silently wrong.

    python benchmarks/operators/torch_cases.py FOLDER        # where torch and onnxscript are: the models
    python -m benchmarks.operators FOLDER [--target snapdragon-8-gen-3] [--only WORD]

Every case is loaded as a user loads it, with what the NPU takes pinned there, so that no cost decides. Outputs are held
against the CPU, operator by operator, beside what fp16 must cost. Told are those that are wrong.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import zif
from attrs import frozen
from zif.runtime.verification.agreement import agreement

os.environ.setdefault("ZIF_DEADLINE", "300")  # the machine may be busy


@frozen
class Row:
    """How a case ended: the word, what was seen, and how many of its units ran on the NPU."""

    word: str
    detail: str = ""
    on_npu: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", default="snapdragon-8-gen-3")
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true", help="every case, not just those that are wrong")
    arguments = parser.parse_args()
    words: Counter[str] = Counter()
    for path in sorted(arguments.folder.glob("*.onnx")):
        if arguments.only in path.name and path.with_suffix(".npz").is_file():
            row = judged(path, arguments.target)
            words[row.word if row.on_npu or row.word == "error" else "elsewhere"] += 1
            if arguments.show or row.word not in ("right", "coarse"):
                print(f"{path.stem}: {row.word} {row.detail} ({row.on_npu} units on the NPU)", flush=True)
    print(", ".join(f"{word} {count}" for word, count in words.most_common()))


def judged(path: Path, target: str) -> Row:
    """One case on its sets of inputs."""
    with np.load(path.with_suffix(".npz")) as stored:
        sets: dict[str, dict[str, Any]] = {}
        for key, value in stored.items():
            number, _, name = key.partition("/")
            sets.setdefault(number, {})[name] = value
    try:
        model = zif.Model.load(path)
        with zif.load(model, target=target, pin=pins(model, target), cache=False, verify="off") as session:
            count = sum(unit.backend == "qnn_htp" for unit in session.plan.units)
            known = {info.name for info in session.inputs}
            runs = [{name: value for name, value in row.items() if name in known} for row in sets.values()]
            agreed = agreement(model, session.plan, [(feeds, session.run(feeds)) for feeds in runs])
    except zif.ZifError as error:
        return Row("error", f"{type(error).__name__}: {str(error).splitlines()[0][:160]}")
    worst = agreed.worst
    return Row(agreed.word, str(worst) if worst else "", count)


def pins(model: zif.Model, target: str) -> dict[str, str]:
    """Every unit that the NPU takes."""
    plan = zif.plan(model, target=target)
    said = {unit.name: unit.verdicts.get("qnn_htp") for unit in plan.units}
    return {name: "qnn_htp" for name, verdict in said.items() if verdict is not None and verdict.supported}


if __name__ == "__main__":
    main()
