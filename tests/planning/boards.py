"""Planners over backends that exist on paper: every verdict and price is what the test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import onnx
from attrs import frozen
from onnx import TensorProto, helper
from zif.model import Model, Unit
from zif.planning.candidates.participants import Participant, Participants
from zif.planning.plan import Candidate, Request
from zif.planning.planner import Planner
from zif.planning.pricing import price
from zif.records import Capabilities, Rates, Target, Verdict


@frozen
class Paper:
    """A backend: what a unit costs there, which operators it refuses and why, what starting and moving cost."""

    us: float | Mapping[str, float] = 1.0
    refuses: Mapping[str, str] = {}
    launch_us: float = 0.0
    link_us: float = 0.0
    watts: float = 1.0
    version: str = "1.0"
    basis: str = "declared"
    precision: str = "fp32"
    local_memory_bytes: int | None = None

    def verdict(self, unit: Unit) -> Verdict:
        cost = self.us if isinstance(self.us, float) else self.us.get(unit.op_type, 1.0)
        code = self.refuses.get(unit.op_type)
        if code is None:
            return Verdict(True, self.basis, cost_us=cost)
        return Verdict(False, self.basis, code, f"has no {unit.op_type}", cost)


#: An accelerator that is quick but dear to start and to reach, and a CPU that takes everything.
CPU = Paper(10.0)


def fast(*refuses: str, **more: Any) -> Paper:
    return Paper(**{"launch_us": 5.0, "link_us": 3.0, "refuses": dict.fromkeys(refuses, "op"), **more})


def planner(model: Model, backends: Mapping[str, Paper], **request: Any) -> Planner:
    target = Target("host")
    by_name = {name: _participant(name, paper, model) for name, paper in sorted(backends.items())}
    candidates = tuple(
        Candidate(name, f"zif-{name}", backends[name].version, "npu", "hardware", "paper", True) for name in by_name
    )
    participants = Participants(by_name, candidates)
    wanted = Request(**{"policy": "performance", **request})
    return Planner(model, target, wanted, participants, price(model, target, list(by_name.values())), tuple(by_name))


def _participant(name: str, paper: Paper, model: Model) -> Participant:
    free = paper.link_us == 0
    rates = Rates(
        {paper.precision: 1e12},
        1e12,
        launch_us=paper.launch_us,
        link_us=paper.link_us,
        link_bytes_per_s=1e12,
        watts=paper.watts,
    )
    verdicts = {unit.id: paper.verdict(unit) for unit in model.units}
    processor: Any = "cpu" if free else "npu"
    backend: Any = SimpleNamespace(name=name, distribution=f"zif-{name}", version=paper.version)
    known = Capabilities(
        processor, rates=rates, verdicts=verdicts, toolchain="paper", local_memory_bytes=paper.local_memory_bytes
    )
    return Participant(backend, known)


def chain(
    ops: Sequence[str],
    name: Callable[[int, str], str] = lambda i, op: f"{op}_{i}",
    rename: str = "",
    shape: Sequence[int] = (4,),
) -> Model:
    """t0 → ops → t<n>, one after another, on vectors of 4 floats."""
    tensors = [f"t{i}" for i in range(len(ops) + 1)]
    nodes = [
        helper.make_node(op, [tensors[i]], [tensors[i + 1]], name=rename + name(i, op)) for i, op in enumerate(ops)
    ]
    ends = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape) for tensor in (tensors[0], tensors[-1])]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    return Model.load(onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
