"""What a plan says of memory: held against lifetimes counted one by one, real arrays of a session, and real weights."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.boards import CPU, Paper, chain, fast, planner
from strategies import models
from zif.model import Model
from zif.planning import Memory, Plan
from zif.planning.memory.footprint import total
from zif.planning.memory.policy import NEARLY
from zif.records import Capabilities, Verdict
from zif.runtime.session import Session
from zif.runtime.session.frames import allocate
from zif.verdicts.settle import with_words
from zif.verdicts.tensor_size import too_large
from zoo import ZooUnavailable, entry

GRAPHS = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "graphs"
ONLY = ["qnn_cpu", "reference"]


def held(plan: Plan) -> int:
    return total(plan.predicted.memory)


def size(model: Model, name: str, narrow: bool) -> float:
    info = model.tensors[name]
    return (info.nbytes or 0) * (0.5 if narrow and info.dtype == "float32" else 1.0)


def most(rows: list[tuple[int, int, float]], steps: int) -> float:
    """The most that is alive at one step, of (first step, last step, bytes)."""
    return max((sum(b for first, last, b in rows if first <= step <= last) for step in range(steps)), default=0.0)


def counted(plan: Plan, model: Model, away: set[str]) -> dict[str, float]:
    """Peak activations by backend and "host", unit after unit. away: backends with fp16 in memory of their own."""
    order = [name for segment in plan.segments for name in segment.units]
    step = {name: at for at, name in enumerate(order)}
    spans = {one.id: (min(map(step.get, one.units)), max(map(step.get, one.units))) for one in plan.segments}
    of = {unit.name: unit for unit in plan.units}
    made = {name: unit.name for unit in plan.units for name in unit.outputs}
    readers = defaultdict(list)
    for unit in model.units:
        for name in unit.inputs:
            readers[name].append(unit.id)
    ends = {info.name for info in plan.outputs}
    lives: dict[str, list[tuple[int, int, float]]] = {name: [] for name in (*plan.backends, "host")}
    for name in dict.fromkeys([*made, *(info.name for info in model.inputs)]):
        home = of[made[name]].segment if name in made else -1
        elsewhere = {of[reader].segment for reader in readers[name]} - {home}
        leaves = bool(elsewhere) or name in ends or home < 0
        if home >= 0:
            backend = of[made[name]].backend
            near = [step[reader] for reader in readers[name] if of[reader].segment == home]
            last = spans[home][1] if leaves else max([step[made[name]], *near])
            if not leaves or backend in away:
                lives[backend].append((step[made[name]], last, size(model, name, backend in away)))
        if leaves:
            last = len(order) - 1 if home < 0 or name in ends else max(spans[one][1] for one in elsewhere)
            lives["host"].append((spans[home][0] if home >= 0 else 0, last, size(model, name, False)))
        for segment in elsewhere:
            backend = plan.segments[segment].backend
            if backend in away:
                reads = [step[reader] for reader in readers[name] if of[reader].segment == segment]
                lives[backend].append((spans[segment][0], max(reads), size(model, name, True)))
    return {name: most(rows, len(order)) for name, rows in lives.items()}


@settings(deadline=None)
@given(model=models(dynamic=False), seed=st.integers(0, 2**16))
def test_peaks_are_those_of_lifetimes_counted_one_by_one(model: Any, seed: int) -> None:
    loaded = Model.load(model)
    rng = np.random.default_rng(seed)
    names = ("near", "far", "farther")
    pin = {unit.id: names[int(rng.integers(3))] for unit in loaded.units}
    far = Paper(10.0, link_us=1.0, precision="fp16")
    plan = planner(loaded, {"near": CPU, "far": far, "farther": far}, pin=pin).plan()
    expected = counted(plan, loaded, {"far", "farther"})
    assert {name: one.activations_bytes for name, one in plan.predicted.memory.items()} == {
        name: int(expected[name]) for name in plan.predicted.memory
    }
    assert set(plan.predicted.memory) == {*plan.backends, "host"}


class Seen:
    """An executable that notes the bytes of every array that goes in and comes out."""

    def __init__(self, inner: Any, step: int, notes: dict[str, list[tuple[int, int]]]) -> None:
        self.inner, self.step, self.notes = inner, step, notes

    def run(self, inputs: Any) -> Any:
        outputs = self.inner.run(inputs)
        for name, value in {**inputs, **outputs}.items():
            self.notes[name].append((self.step, value.nbytes))
        return outputs

    def close(self) -> None:
        self.inner.close()


@pytest.fixture(scope="module")
def faces() -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A real model and its inputs, and wishes that cut it into many segments on two real backends."""
    try:
        path, inputs = entry("mtcnn-onet").path, entry("mtcnn-onet").inputs()
    except ZooUnavailable as why:
        pytest.skip(str(why))
    shapes = {name: value.shape for name, value in inputs.items()}
    pin = {"*": "qnn_cpu", "op:PRelu": "reference"}
    return path, inputs, {"only": ONLY, "shapes": shapes, "pin": pin}


def test_the_host_holds_what_a_session_really_hands_on(faces: Any) -> None:
    path, inputs, wishes = faces
    with zif.load(path, **wishes) as session:
        notes: dict[str, list[tuple[int, int]]] = defaultdict(list)
        last = len(session.steps) - 1
        assert last > 5
        _watched(session, notes).run(inputs)
        outputs = {info.name for info in session.outputs}
        lives = {
            name: (
                0 if name in inputs else seen[0][0],
                last if name in {*inputs, *outputs} else seen[-1][0],
                seen[0][1],
            )
            for name, seen in notes.items()
        }
        assert session.plan.predicted.memory["host"].activations_bytes == most([*lives.values()], last + 1)

        # The buffers that the session lays out for what lies between: no less than is alive at once, and not much more.
        between = {name: session._tensors[name] for name in notes if name not in {*inputs, *outputs}}
        blocks = {array.ctypes.data: _block(array).nbytes for array in allocate(session.steps, between).values()}
        alive = most([lives[name] for name in between], last + 1)
        assert alive <= sum(blocks.values()) <= 1.5 * alive


def _watched(session: Session, notes: dict[str, list[tuple[int, int]]]) -> Session:
    steps = [evolve(one, executable=Seen(one.executable, at, notes)) for at, one in enumerate(session.steps)]
    return Session(session.plan, steps, session._tensors)


def _block(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_weights_are_those_of_the_segments_that_were_built(faces: Any, tmp_path: Path) -> None:
    path, _, wishes = faces
    zif.compile(path, tmp_path / "b", **wishes)
    plan = zif.plan(path, **wishes)
    found: dict[str, int] = defaultdict(int)
    for segment in plan.segments:
        (file,) = (tmp_path / "b" / "segments").glob(f"{segment.id:02}-*.onnx")
        found[segment.backend] += sum(onnx.numpy_helper.to_array(t).nbytes for t in onnx.load(file).graph.initializer)
    assert sum(found.values()) > 1e6
    assert {name: plan.predicted.memory[name].weights_bytes for name in found} == found


@pytest.mark.skipif(not GRAPHS.is_dir(), reason="the graphs of ../shared are not here")
def test_the_policy_gives_time_for_memory() -> None:
    model, pin = Model.load(GRAPHS / "mobilenet_v2.onnx"), {"op:Clip": "qnn_cpu"}
    wishes = {"pin": pin, "only": ["qnn_cpu", "qnn_gpu", "qnn_htp"]}
    quick = zif.plan(model, "snapdragon-8-elite", "performance", **wishes)
    small = zif.plan(model, "snapdragon-8-elite", "memory", **wishes)
    assert held(small) < 0.99 * held(quick)
    assert small.predicted.latency_us > quick.predicted.latency_us
    assert any(
        "KiB" in verdict.reason or "MiB" in verdict.reason for unit in small.units for verdict in unit.verdicts.values()
    )


@settings(deadline=None)
@given(model=models(dynamic=False), seed=st.integers(0, 2**16))
def test_no_plan_under_the_policy_holds_more_than_the_quickest_or_one_backend(model: Any, seed: int) -> None:
    loaded = Model.load(model)
    rng = np.random.default_rng(seed)
    types = sorted({unit.op_type for unit in loaded.units})
    refused = [op for op in types if rng.random() < 0.3]
    boards = {"near": CPU, "far": fast(*refused, precision="fp16"), "farther": Paper(3.0, link_us=1.0)}
    small = planner(loaded, boards, policy="memory").plan()
    for others in [{}, {"op:*": "near"}, {"op:*": "farther"}]:
        assert held(small) <= held(planner(loaded, boards, pin=others).plan()) * (1 + NEARLY)


def test_a_tensor_above_the_limit_keeps_its_units_off() -> None:
    model = chain(["Relu", "Tanh"])
    taken = {unit.id: Verdict(True) for unit in model.units}
    said = Capabilities("npu", max_tensor_bytes=15, verdicts=taken)
    answer = with_words(said, ("tensor-size", too_large(said, model)))
    assert {one.code for one in answer.verdicts.values()} == {"tensor-size"}
    assert "t0 has 16 B; tensors of up to 15 B" in answer.verdicts["Relu_0"].reason
    assert too_large(Capabilities("npu", max_tensor_bytes=16, verdicts=taken), model) == {}


def test_an_npu_tells_which_units_do_not_fit_its_own_memory() -> None:
    board = {"npu": Paper(1.0, link_us=1.0, local_memory_bytes=8 << 20), "cpu": CPU}
    near = planner(chain(["Relu", "Tanh"]), board).plan().predicted.memory
    assert near["npu"] == Memory(0, 32, "Relu_0", 32, 8 << 20, 0)
    big = chain(["Relu", "Tanh"], shape=[1 << 21])
    assert planner(big, {"npu": board["npu"]}).plan().predicted.memory["npu"].beyond_local_memory == 2


def test_a_weight_is_held_once_by_every_segment_that_reads_it() -> None:
    weight = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [onnx.helper.make_node("MatMul", [f"t{i}", "w"], [f"t{i + 1}"], f"m{i}") for i in range(3)]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4, 4]) for name in ("t0", "t3")]
    model = Model.load(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])))
    board = {"near": CPU, "far": Paper(10.0, link_us=1.0, precision="fp16")}
    whole = planner(model, board, pin={"*": "near"}).plan().predicted.memory
    assert whole["near"].weights_bytes == 64
    split = planner(model, board, pin={"*": "near", "m1": "far"}).plan().predicted.memory
    assert (split["near"].weights_bytes, split["far"].weights_bytes) == (2 * 64, 32)
