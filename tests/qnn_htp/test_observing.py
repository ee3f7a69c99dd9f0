from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from qnn_htp.graphs import graph
from zif.model import Model

from tools.tables.qnn_htp import __main__ as command
from tools.tables.qnn_htp.cases import UnitCase, make, of_test
from tools.tables.qnn_htp.grid import GRIDS, Grid, _case
from tools.tables.qnn_htp.judge import as_half, by_reference, judge
from tools.tables.qnn_htp.runner import observe
from tools.tables.qnn_htp.variants import as_constants, as_quantized, variants
from tools.tables.qnn_htp.variants import as_half as in_half


def of_grid(op_type: str, *inputs: object, **attributes: object) -> UnitCase:
    case = _case(op_type, Grid(op_type, inputs), attributes)  # type: ignore[arg-type]
    assert case is not None
    return case


class TestJudge:
    def judged(self, wanted: list[float], given: list[float], x: list[float] | None = None) -> str:
        case = of_grid("Identity", (len(wanted),))
        arrays = [np.array(values, np.float32) for values in (x or wanted, wanted, given)]
        return judge(case.model, {"i0": arrays[0]}, {"o0": arrays[1]}, {"o0": arrays[2]}).outcome

    def test_fp16_rounding_is_right(self) -> None:
        assert self.judged([1.0, 1000.0, 1e-4], [1.0009, 1000.5, 0.0]) == "right"

    def test_more_than_rounding_is_wrong(self) -> None:
        assert self.judged([1.0, 2.0], [1.0, 2.1]) == "wrong"

    def test_what_fp16_cannot_hold_is_imprecise(self) -> None:
        assert self.judged([1e6, 1.0], [65504.0, 1.0]) == "imprecise"
        assert self.judged([np.inf, 1.0], [65504.0, 1.0]) == "imprecise"

    def test_not_a_number_out_of_nothing_is_wrong(self) -> None:
        assert self.judged([1.0, 2.0], [1.0, np.nan]) == "wrong"

    def test_integers_must_be_equal(self) -> None:
        case = of_grid("Abs", [[1, 2]])
        wanted, given = np.array([1, 2]), np.array([1, 3])
        assert judge(case.model, {}, {"o0": wanted}, {"o0": given}).outcome == "wrong"

    def test_another_shape_or_type_is_wrong(self) -> None:
        case = of_grid("Identity", (2,))
        wanted = np.ones(2, np.float32)
        for given in (np.ones((2, 1), np.float32), np.ones(2, np.float16)):
            assert judge(case.model, {"i0": wanted}, {"o0": wanted}, {"o0": given}).outcome == "wrong"

    def test_half_clips_and_keeps_the_type(self) -> None:
        half = as_half(np.array([1e9, -np.inf, 1.0001], np.float32))
        np.testing.assert_array_equal(half, np.array([65504, -65504, 1.0], np.float32))
        assert half.dtype == np.float32


class TestCases:
    def test_a_test_of_several_units_gives_one_case_each(self) -> None:
        nodes = [helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Exp", ["a"], ["y"])]
        values = {name: (TensorProto.FLOAT, [2]) for name in "xy"}
        model = graph(nodes, {"x": values["x"]}, {"y": values["y"]})
        x = np.array([1, 2], np.float32)
        cases = list(of_test("t", model, [x], [np.exp(-x)]))
        assert [case.op_type for case in cases] == ["Neg", "Exp"]
        np.testing.assert_array_equal(next(iter(cases[0].outputs.values())), -x)
        np.testing.assert_array_equal(next(iter(cases[1].inputs.values())), -x)

    def test_grid_case_has_its_facts(self) -> None:
        case = of_grid("MaxPool", (1, 2, 6, 6), kernel_shape=[2, 2], ceil_mode=1)
        assert {"ceil_mode=1", "quantized=no", "T=float"} <= case.facts
        assert case.outputs["o0"].shape == (1, 2, 5, 5)

    def test_every_grid_gives_a_case(self) -> None:
        assert len({grid.op_type for grid in GRIDS}) > 80
        assert all(grid.inputs for grid in GRIDS)

    def test_two_engines_must_agree(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tools.tables.qnn_htp import grid as grids

        def differ(_: object, __: object, first: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: value + 1 for name, value in first.items()}

        monkeypatch.setattr(grids, "_second_opinion", differ)
        assert _case("x", Grid("Neg", ((2, 3),)), {}) is None


class TestVariants:
    def test_constants_leave_one_input(self) -> None:
        fixed = as_constants(of_grid("Add", (2, 3), (2, 3)))
        assert fixed is not None
        assert list(fixed.inputs) == ["i0"]
        assert "B constant" in fixed.facts

    def test_half_changes_every_float(self) -> None:
        half = in_half(of_grid("Add", (2, 3), [[1.0, 2, 3]]))
        assert half is not None
        assert "T=float16" in half.facts
        assert {value.dtype.name for value in (*half.inputs.values(), *half.outputs.values())} == {"float16"}

    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_quantized_is_one_group_with_the_answer_of_the_reference(self, dtype: str) -> None:
        case = as_quantized(of_grid("MatMul", (4, 8), (8, 3)), dtype)
        assert case is not None
        assert f"quantized={dtype[1:]}" in case.facts
        made = by_reference(case.model, dict(case.inputs))
        assert made is not None
        off = np.abs(made["o0_q"].astype(int) - case.outputs["o0_q"].astype(int))
        assert off.max() <= 1

    def test_what_is_no_float_has_no_such_variants(self) -> None:
        case = make(
            "m",
            [helper.make_node("Not", ["a"], ["b"])],
            Model.load(graph([], {}, {})),
            {"a": np.ones(2, bool)},
            {"b": np.zeros(2, bool)},
        )
        assert case is not None
        assert list(variants(case, thorough=True)) == []


@pytest.mark.usefixtures("htp")
class TestRunner:
    def test_every_kind_of_end_is_told(self) -> None:
        cases = [
            of_grid("Relu", (2, 8)),
            of_grid("Erf", (2, 8)),
            of_grid("ConvTranspose", (1, 2, 3, 3), (2, 3, 3, 3), strides=[3, 2], output_padding=[1, 1]),
            of_grid("LpPool", (1, 3, 32, 32), kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
        ]
        ends = {case.op_type: end for case, end in zip(cases, observe(cases, 57), strict=True)}
        assert ends["Relu"].outcome == "right"
        assert (ends["Erf"].outcome, "Erf" in ends["Erf"].detail) == ("no", True)
        assert ends["ConvTranspose"].outcome == "wrong"
        assert ends["LpPool"].outcome == "crash"

    def test_command_goes_on_from_its_journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cases = [of_grid("Relu", (2, 8)), of_grid("Softmax", (2, 8), axis=-1)]
        monkeypatch.setattr(command, "_cases", lambda _: cases)
        journal = tmp_path / "journal.jsonl"
        journal.write_text(json.dumps(["Relu", "wrong", "as if"]) + "\n")
        paths = {"-o": tmp_path / "table.json", "--operators": tmp_path / "ops.json", "--journal": journal}
        assert command.main([str(word) for pair in paths.items() for word in pair]) == 0
        rules = json.loads(paths["-o"].read_text())["rules"]
        assert [(rule["op_type"], rule["code"]) for rule in rules] == [("Relu", "observed-wrong")]
        assert set(json.loads(paths["--operators"].read_text())) == {"Relu", "Softmax"}
        assert len(journal.read_text().splitlines()) == 2
