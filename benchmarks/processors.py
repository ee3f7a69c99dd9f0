"""One float model and its int8 form on several chips under every policy: what goes where, and why.

    python benchmarks/processors.py [NAME]

Planned only, nothing is run. NAME is a model of the zoo; the int8 form is made by ONNX Runtime's static quantization.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import attrs
import onnx
from zif.files.wording import duration, energy
from zif.model import Model
from zif.planning.plan import POLICIES, Plan
from zif.runtime.planners import planner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from small import quantized
from zoo import entry

CHIPS = ("snapdragon-778g", "snapdragon-8-elite", "snapdragon-x-elite", "sa8295p", "qcs6490")
ONLY = ("qnn_htp", "qnn_gpu", "qnn_cpu")


def main(name: str = "ppocr-cls") -> None:
    """Print a row for each form, chip and policy."""
    model_entry = entry(name)
    model = Model.load(model_entry.path, model_entry.shapes)
    print("| form | chip | policy | units | latency | energy | the costliest unit, and why it is there |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        onnx.save(model.proto, path)
        forms = {"float": model, "int8": Model.load(quantized(path, Path(folder) / "int8.onnx"))}
        for form, chip in ((form, chip) for form in forms for chip in CHIPS):
            asked = planner(forms[form], chip, only=ONLY)
            for policy in POLICIES:
                made = attrs.evolve(asked, request=attrs.evolve(asked.request, policy=policy))
                print(f"| {form} | {chip} | {policy} | {told(made.plan())} |", flush=True)


def told(plan: Plan) -> str:
    counts = Counter(unit.backend for unit in plan.units)
    units = ", ".join(f"{name.removeprefix('qnn_')} {count}" for name, count in counts.most_common())
    heavy = max(plan.units, key=lambda unit: unit.verdicts[unit.backend].cost_us or 0)
    why = f"`{heavy.name}` on {heavy.backend}: {heavy.verdicts[heavy.backend].reason}"
    return " | ".join((units, duration(plan.predicted.latency_us), energy(plan.predicted.energy_uj), why))


if __name__ == "__main__":
    main(*sys.argv[1:2])
