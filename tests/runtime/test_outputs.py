"""What a backend's run returns, held against the plan: wrong is an error that names the backend, never a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper
from runtime.made_up import Array, Bindable, Plain, X, info, session, step
from zif.errors import BackendBroken, InvalidInput, StageFailed, ZifError
from zif.model.infer import skeleton
from zif.model.proof import Proof
from zif.records import TensorInfo
from zif.runtime.session import Session, Step
from zif.runtime.session.outputs import Outputs


def alone(function: Callable[..., Any], *outputs: TensorInfo, **more: Any) -> Session:
    """One segment from x [n, 4] to these outputs."""
    names = " ".join(one.name for one in outputs)
    return session([step(0, Plain(function), "x", names)], [info("x", "n", 4)], list(outputs), **more)


Y = info("y", 2, 4)
ROW = np.arange(8, dtype=np.float32).reshape(2, 4)
#: What a run may return for a float32 [2, 4], and the words that the error must have.
WRONG: Mapping[str, tuple[Callable[[Array], Any], str]] = {
    "double": (lambda x: x.astype(np.float64), "float64 [2, 4]"),
    "half": (lambda x: x.astype(np.float16), "float16 [2, 4]"),
    "integers": (lambda x: x.astype(np.int32), "int32 [2, 4]"),
    "other byte order": (lambda x: x.astype(">f4"), "float32 [2, 4], in the other byte order"),
    "narrow": (lambda x: x[:, :3], "float32 [2, 3]"),
    "flat": (lambda x: x.reshape(-1), "float32 [8]"),
    "deep": (lambda x: x[None], "float32 [1, 2, 4]"),
    "number": (lambda x: np.float32(1), "float32 []"),
    "empty": (lambda x: x[:0], "float32 [0, 4]"),
    "list": (lambda x: x.tolist(), "a list"),
    "float": (lambda x: 1.0, "a float"),
    "None": (lambda x: None, "None"),
    "text": (lambda x: "ready", "a str"),
    "array of texts": (lambda x: np.full((2, 4), "ready"), "<U5 [2, 4]"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", [Plain, Bindable])
def test_an_output_that_is_not_the_plans_names_the_backend_and_what_came(name: str, kind: type[Plain]) -> None:
    wrong, words = WRONG[name]
    last = step(1, Plain(lambda y: {"z": y}), "y", "z")
    for steps, out in (
        ([step(0, Plain(lambda x: {"y": wrong(x)}), "x", "y")], Y),
        ([step(0, kind(lambda x: {"y": wrong(x)}), "x", "y"), last], info("z", 2, 4)),
    ):
        with pytest.raises(BackendBroken) as caught:
            session(steps, [info("x", 2, 4)], [out], tensors={"y": Y}).run({"x": ROW})
        for word in ("segment 0", "'b0'", "'y'", "float32 [2, 4]", words):
            assert word in str(caught.value)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("given", [None, [ROW], ROW, 5, "y", {}, {"Y": ROW}, {0: ROW}])
def test_what_is_no_mapping_or_lacks_an_output_is_the_backends_fault(given: Any) -> None:
    for outputs in ([Y], [Y, info("z", 2, 4)]):
        with pytest.raises(BackendBroken, match=r"segment 0: backend 'b0' (returned|did not return)"):
            alone(lambda x: given, *outputs).run({"x": ROW})


def test_symbolic_dimensions_are_those_of_the_inputs() -> None:
    shown = {"y": info("y", "n", 4)}
    one = session(
        [with_proof(step(0, Plain(lambda x: {"y": x[:1] + 1}), "x", "y"), shown)],
        [info("x", "n", 4)],
        [info("y", "n", 4)],
    )
    assert one.run({"x": ROW[:1]})["y"].shape == (1, 4)
    with pytest.raises(BackendBroken, match=r"returned float32 \[1, 4\].*the plan has float32 \[n, 4\]"):
        one.run({"x": ROW})


class Said(Proof):
    """What ONNX has to say of outputs, made up."""

    def __init__(self, shown: Mapping[str, TensorInfo], computed: Mapping[str, Array]) -> None:
        self._shown, self._computed = shown, computed

    def shown(self, given: Mapping[str, Any]) -> Mapping[str, TensorInfo]:
        return self._shown

    def computed(self, given: Mapping[str, Any]) -> Mapping[str, Array]:
        return self._computed


def with_proof(made: Step, shown: Mapping[str, TensorInfo], computed: Mapping[str, Array] | None = None) -> Step:
    return Step(made.segment, made.executable, made.inputs, made.outputs, Said(shown, computed or {}))


@pytest.mark.parametrize(("declared", "rows"), [(("n", 4), 1), ((7, 4), 2), ((2, 4, 1), 2)])
def test_what_only_the_file_declares_is_an_event_once_and_no_error(declared: tuple[Any, ...], rows: int) -> None:
    """Engines compute what the operators say; a declaration that does not follow from them may be wrong."""
    made = with_proof(step(0, Plain(lambda x: {"y": x[:rows] + 1}), "x", "y"), {})
    one = session([made], [info("x", "n", 4)], [info("y", *declared)])
    for _ in range(3):
        np.testing.assert_array_equal(one.run({"x": ROW})["y"], ROW[:rows] + 1)
    (event,) = one.events
    assert (event.kind, event.backend, event.segment) == ("shape", "b0", 0)
    assert "'y'" in event.text
    assert f"float32 [{rows}, 4]" in event.text


def test_a_wrong_declaration_is_told_from_a_wrong_backend() -> None:
    """A Relu keeps its shape, whatever the file says of it; of NonZero nobody knows how much comes out."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("NonZero", ["x"], ["z"])]
    outputs = [value("y", TensorProto.FLOAT, [9, "m"]), value("z", TensorProto.INT64, [2, 5])]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [2, "n"])], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    shown = Proof(lambda: skeleton(model)).shown({})
    assert shown["y"].shape == (2, "n")
    assert not shown["z"].static
    onnx.checker.check_model(model)


def test_a_declaration_that_is_wrong_does_not_stop_a_real_model() -> None:
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("NonZero", ["x"], ["z"], "nonzero")]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [2, 4])], [value("z", TensorProto.INT64, [2, 5])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with zif.load(model, only="reference", cache=False) as loaded:
        assert loaded.run({"x": ROW})["z"].shape == (2, 7)
        assert [event.kind for event in loaded.events] == ["shape"]


def test_where_onnx_contradicts_itself_the_model_is_wrong() -> None:
    """Its inference says [1] of what its evaluator computes as [2]: the sizes of X and G do not go together."""
    text = """<ir_version: 9, opset_import: ["ai.onnx.preview.training": 1]>
    g (float r, int64 t, float[2] x, float[1] g, float[1] h) => (float[1] k) {
      n, k = ai.onnx.preview.training.Adagrad <decay_factor = 0.1, epsilon = 0.00001, norm_coefficient = 0.001>
             (r, t, x, g, h)
    }"""
    values = {name: np.ones(shape, np.float32) for name, shape in (("r", ()), ("x", 2), ("g", 1), ("h", 1))}
    told = r"'k' cannot be float32 \[1\].*'reference'.*float32 \[2\]"
    with (
        zif.load(onnx.parser.parse_model(text), only="reference", cache=False, verify="off") as loaded,
        pytest.raises(zif.InvalidModel, match=told),
    ):
        loaded.run({**values, "t": np.array(1)})


@pytest.mark.parametrize("computed", [{}, {"y": ROW}, {"y": ROW[:1].astype(np.int8)}])
def test_where_it_does_not_the_backend_is(computed: Mapping[str, Array]) -> None:
    made = with_proof(step(0, Plain(lambda x: {"y": x[:1] + 1}), "x", "y"), {"y": Y}, computed)
    with pytest.raises(BackendBroken, match="'b0'"):
        session([made], [info("x", 2, 4)], [Y]).run({"x": ROW})


def test_a_type_that_only_the_file_declares_is_the_models() -> None:
    """Nothing infers what a LabelEncoder gives; its table is of int16."""
    text = """<ir_version: 9, opset_import: ["ai.onnx.ml": 4]> g (string[2] x) => (int8[2] y) {
      y = ai.onnx.ml.LabelEncoder <default_tensor = int16[1] {42}, keys_strings = ["a", "b"],
                                   values_tensor = int16[2] {0, 1}> (x)
    }"""
    with (
        zif.load(onnx.parser.parse_model(text), only="reference", cache=False, verify="off") as loaded,
        pytest.raises(zif.InvalidModel, match=r"'y' cannot be int8 \[2\].*int16 \[2\], and so does"),
    ):
        loaded.run({"x": np.array(["a", "b"], object)})


BODIES = {
    "a body": """g (float[2, 4] x) => (float[2, 4] y, float[3, 2, 9] z) <int64 n = {3}, bool k = {1}> {
        y, z = Loop (n, k, x) <body = b (int64 i, bool c, float[] s) => (bool d, float[2, 4] a, float[N, M] e)
        <float[2, 9] q> { d = Identity(c) a = Relu(s) q = Neg(s) e = Relu(q) }> }""",
    "a function": """g (float[2, 4] x) => (float[2, 7] y) { t = local.f(x) y = Neg(t) }
        <domain: "local", opset_import: ["": 20]> f (a) => (b) <float[2, 7] q> { q = Relu(a) b = Relu(q) }""",
}


@pytest.mark.parametrize("where", BODIES)
def test_what_is_declared_inside_proves_nothing(where: str) -> None:
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 20, "local": 1]> {BODIES[where]}')
    shown = Proof(lambda: skeleton(model)).shown({"x": ROW})
    assert all(one.shape is None or not {7, 9}.intersection(one.shape) for one in shown.values()), shown


def test_a_shape_that_was_declared_wrongly_is_not_believed() -> None:
    """[2, 7] says the graph of its output, and a function of a value within; [2, 4] is what follows."""
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 20, "local": 1]> {BODIES["a function"]}')
    pins = {"op:Neg": "reference"}
    with zif.load(model, only=["qnn_cpu", "reference"], pin=pins, cache=False, verify="off") as loaded:
        assert len(loaded.plan.segments) == 2
        np.testing.assert_array_equal(loaded.run({"x": ROW})["y"], -np.maximum(ROW, 0))
        assert [info.shape for info in loaded.plan.outputs] == [(2, 4)]
        assert loaded.events == []


def test_anothers_bundle_may_be_wrong_where_ones_own_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that breaks its word is told in both; whoever made the bundle may have made the plan say so."""
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]> g (float[2,4] x) => (float[2,4] y) {y = Relu(x)}'
    )
    zif.compile(model, tmp_path / "b", only="reference", verify="off")
    with zif.load(tmp_path / "b") as own, zif.load(tmp_path / "b") as other:
        (mine,), (theirs,) = own.steps, other.steps
        assert not mine.foreign()
        monkeypatch.setattr("zif.artifacts.bundle.read.sealed_by_user", lambda *_: False)
        assert theirs.foreign()
        check = Outputs(theirs, ["y"], {"y": Y}, ["y"]).check
        with pytest.raises(zif.InvalidBundle, match=r"'reference'.*returned float64.*does not go together"):
            check({"y": ROW.astype(np.float64)}, {"x": ROW})


def test_only_what_was_asked_for_reaches_the_next_segment() -> None:
    """A backend must not replace a tensor that is none of its outputs."""
    steps = [
        step(0, Plain(lambda x: {"a": x + 1, "x": x * 0}), "x", "a"),
        step(1, Plain(lambda x, a: {"y": x + a}), "x a", "y"),
    ]
    np.testing.assert_array_equal(session(steps, [info("x", 4)], [info("y", 4)]).run({"x": X})["y"], 2 * X + 1)


class Kept:
    """An executable that writes to the same memory in every run, and gives it away in one of several ways."""

    def __init__(self, give: Callable[[Array], Any]) -> None:
        self.memory = np.zeros((2, 4), np.float32)
        self.give = give
        self.answer = {"y": self.memory}

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        self.memory[...] = inputs["x"]
        return self.give(self)  # type: ignore[arg-type]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    "give",
    [
        lambda kept: {"y": kept.memory},
        lambda kept: {"y": kept.memory[:]},
        lambda kept: {"y": kept.memory.reshape(4, 2).reshape(2, 4)},
        lambda kept: kept.answer,
    ],
    ids=["array", "view", "view of a view", "mapping"],
)
@pytest.mark.parametrize("outputs", [1, 2])
def test_arrays_that_a_backend_keeps_are_copied(give: Any, outputs: int) -> None:
    """Else the next run would write to what the caller has."""
    made: Any = Kept(give)
    steps = [step(0, made, "x", "y")]
    names = [Y]
    if outputs == 2:
        made.answer["z"] = made.memory
        steps, names = [step(0, Both(made), "x", "y z")], [Y, info("z", 2, 4)]
    one = session(steps, [info("x", 2, 4)], names)
    first = one.run({"x": ROW})["y"]
    one.run({"x": ROW + 100})
    np.testing.assert_array_equal(first, ROW)


class Both:
    """The same array twice."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        made = self.inner.run(inputs)
        return made if made is self.inner.answer else {"y": made["y"], "z": made["y"]}

    def close(self) -> None: ...


@pytest.mark.parametrize("count", [1, 2])
def test_an_output_is_no_window_into_an_input(count: int) -> None:
    names = ["y", "z"][:count]
    for give in (lambda x: x, lambda x: x[:], lambda x: x.reshape(2, 4)):
        outputs = [info(name, 2, 4) for name in names]
        one = session(
            [step(0, Plain(lambda x, give=give: {name: give(x) for name in names}), "x", " ".join(names))],
            [info("x", 2, 4)],
            outputs,
        )
        given = ROW.copy()
        made = one.run({"x": given})["y"]
        given[...] = -1
        np.testing.assert_array_equal(made, ROW)


def read_only(array: Array) -> Array:
    made = array + 1
    made.flags.writeable = False
    return made


@pytest.mark.parametrize(
    "make",
    [read_only, lambda x: np.asfortranarray(x + 1), lambda x: (np.repeat(x, 2, axis=1) + 1)[:, ::2]],
    ids=["read-only", "columns first", "strided"],
)
def test_outputs_are_whole_and_the_callers_to_write(make: Callable[[Array], Array]) -> None:
    for steps in (
        [step(0, Plain(lambda x: {"y": make(x)}), "x", "y")],
        [step(0, Plain(lambda x: {"a": make(x)}), "x", "a"), step(1, Plain(whole), "a", "y")],
    ):
        made = session(steps, [info("x", 2, 4)], [Y], tensors={"a": info("a", 2, 4)}).run({"x": ROW})["y"]
        assert made.flags.c_contiguous
        assert made.flags.writeable
        np.testing.assert_array_equal(made, ROW + 1)


def whole(a: Array) -> Mapping[str, Array]:
    assert a.flags.c_contiguous
    return {"y": a + 0}


def test_fresh_outputs_are_handed_on_as_they_are() -> None:
    """No copy of what nobody else holds: of an array, or of a view into one."""
    for make in (lambda x: x + 1, lambda x: (x + 1).reshape(2, 4), lambda x: (x + 1)[:]):
        addresses: list[int] = []

        def run(x: Array, make: Any = make, addresses: list[int] = addresses) -> Mapping[str, Array]:
            made = make(x)
            addresses.append(made.__array_interface__["data"][0])
            return {"y": made}

        for outputs in ([Y], [info("y", "n", 4)], [info("y", None, None)]):
            made = alone(run, *outputs).run({"x": ROW})["y"]
            assert made.__array_interface__["data"][0] == addresses[-1]


TYPES: list[tuple[str, Any, bool]] = [
    ("seq(tensor(float))", [X, X], True),
    ("seq(tensor(float))", [], True),
    ("seq(tensor(float))", X, False),
    ("seq(tensor(float))", [X, 1.0], False),
    ("seq(tensor(float))", [X.astype(np.float64)], False),
    ("seq(tensor(float))", None, False),
    ("optional(tensor(float))", None, True),
    ("optional(tensor(float))", X, True),
    ("optional(tensor(float))", [X], False),
    ("optional(seq(tensor(int64)))", [np.arange(3)], True),
    ("map(int64,tensor(float))", {1: 0.5}, True),
    ("map(int64,tensor(float))", [1], False),
    ("seq(map(int64,tensor(float)))", [{1: 0.5}], True),
    ("", "whatever", True),
]


@pytest.mark.parametrize(("kind", "value", "right"), TYPES)
def test_values_that_are_no_tensors_are_of_their_type(kind: str, value: Any, right: bool) -> None:
    one = alone(lambda x: {"y": value}, TensorInfo("y", kind))
    if right:
        made = one.run({"x": ROW})["y"]
        assert type(made) is type(value)
        assert made is not value or not isinstance(value, (list, dict, np.ndarray))
    else:
        with pytest.raises(BackendBroken, match="for the output 'y'"):
            one.run({"x": ROW})


def test_texts_of_fixed_width_and_numbers_without_dimensions_become_arrays() -> None:
    made = alone(lambda x: {"y": np.array(["a", "bc"])}, info("y", 2, type="tensor(string)")).run({"x": ROW})["y"]
    assert made.dtype == object
    assert made.tolist() == ["a", "bc"]
    scalar = alone(lambda x: {"y": np.float32(3)}, info("y")).run({"x": ROW})["y"]
    assert type(scalar) is np.ndarray
    assert scalar.shape == ()
    half = alone(lambda x: {"y": x.astype(ml_dtypes.bfloat16)}, info("y", 2, 4, type="tensor(bfloat16)"))
    assert half.run({"x": ROW})["y"].dtype == ml_dtypes.bfloat16


def test_a_wrong_output_moves_the_segment_when_the_host_allows_it() -> None:
    def rescue(old: Step, fault: ZifError) -> Step:
        assert isinstance(fault, BackendBroken)
        return step(1, Plain(lambda x: {"y": x + 1}), "x", "y")

    one = session(
        [step(0, Plain(lambda x: {"y": x.astype(np.float64)}), "x", "y")], [info("x", 2, 4)], [Y], rescue=rescue
    )
    np.testing.assert_array_equal(one.run({"x": ROW})["y"], ROW + 1)
    assert [event.kind for event in one.events] == ["fallback"]


def refuse(**_: Any) -> Any:
    raise InvalidInput("indices out of bounds")


def test_the_caller_is_blamed_only_for_arrays_that_the_caller_handed_in() -> None:
    with pytest.raises(InvalidInput, match="out of bounds"):
        alone(refuse, Y).run({"x": ROW})
    steps = [
        step(0, Plain(lambda x: {"a": x + 1}), "x", "a"),
        step(1, Plain(refuse), "x a", "y"),
    ]
    words = r"segment 1: backend 'b1' failed .* other segments made: indices out of"
    with pytest.raises(StageFailed, match=words) as caught:
        session(steps, [info("x", 4)], [info("y", 4)]).run({"x": X})
    assert caught.value.exit_code == 1  # nothing broke that should not have


def test_a_backend_without_memory_broke_nothing() -> None:
    def exhausted(**_: Any) -> Any:
        raise MemoryError

    with pytest.raises(StageFailed, match="segment 0: backend 'b0' .*ran out of memory") as caught:
        alone(exhausted, Y).run({"x": ROW})
    assert caught.value.exit_code == 1


def test_stages_are_checked_as_runs_are() -> None:
    one = alone(lambda x: {"y": x.astype(np.float64)}, Y)
    with pytest.raises(BackendBroken, match="float64"):
        list(one.stages({"x": ROW}))


class CannotBind(Bindable):
    def bind(self, inputs: Any, outputs: Any) -> Any:
        raise RuntimeError("no buffers left")


def test_a_bind_that_fails_names_the_backend_and_moves_the_segment() -> None:
    def steps() -> list[Step]:
        return [
            step(0, CannotBind(lambda x: {"a": x}), "x", "a"),
            step(1, Bindable(lambda a: {"y": a + 1}), "a", "y"),
        ]

    with pytest.raises(StageFailed, match="segment 0: backend 'b0' failed in bind: no buffers left"):
        session(steps(), [info("x", 4)], [info("y", 4)]).run({"x": X})

    def rescue(old: Step, fault: ZifError) -> Step:
        return step(0, Plain(lambda x: {"a": x}), "x", "a")

    one = session(steps(), [info("x", 4)], [info("y", 4)], rescue=rescue)
    np.testing.assert_array_equal(one.run({"x": X})["y"], X + 1)
