"""The sentences of a plan: the code fits the figures, and what decides is named."""

from __future__ import annotations

from planning.boards import CPU, Paper, chain, fast, planner


def reasons(ops: list[str], unit: str, policy: str = "performance", **backends: Paper) -> dict[str, tuple[str, str]]:
    plan = planner(chain(ops), backends, policy=policy).plan()
    return {name: (verdict.code, verdict.reason) for name, verdict in plan.unit(unit).verdicts.items()}


def test_dearer_by_itself_is_slower() -> None:
    told = reasons(["Relu"] * 4, "Relu_0", npu=fast(), cpu=CPU)
    assert told == {
        "npu": ("ok", "cheapest under performance: 1 µs here, 10 µs on cpu"),
        "cpu": ("slower", "10 µs here, 1 µs on npu"),
    }


def test_cheaper_by_itself_and_not_there_is_the_neighbours_doing() -> None:
    told = reasons(["Erf"], "Erf_0", npu=fast(), cpu=CPU)
    assert told["npu"][0] == "boundary-cost"
    assert told["npu"][1].startswith("1 µs here, 10 µs on cpu, but its tensors would have to be moved; with it there")
    assert told["npu"][1].endswith("the plan is 20 % dearer")  # launch 5, two transfers of 3, 1 itself: 12 against 10
    assert told["cpu"][1] == "cheapest where it stands: 10 µs here; 1 µs on npu, but its tensors would have to be moved"


def test_quicker_and_dearer_is_said_of_energy() -> None:
    hungry = Paper(5.0, {}, 0.0, 0.0, watts=100.0)
    told = reasons(["Relu"], "Relu_0", "power", npu=hungry, cpu=CPU)
    assert told["npu"] == ("slower", "5 µs here, 10 µs on cpu: quicker, but dearer under power")
    assert told["cpu"] == ("ok", "cheapest under power: 10 µs here; 5 µs on npu: quicker, but dearer")


def test_the_only_one_says_so() -> None:
    told = reasons(["Relu", "Erf"], "Erf_1", npu=fast("Erf"), cpu=CPU)
    assert told == {"npu": ("op", "has no Erf"), "cpu": ("ok", "the only backend that takes it; 10 µs here")}
