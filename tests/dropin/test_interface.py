"""Sessions as ONNX Runtime's own tests of its Python interface use them; names as there (see theirs.py)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from dropin import small_models as small
from dropin.small_models import X, opened


def test_deserialization_from_path_object(ort: Any, tmp_path: Path) -> None:
    onnx.save(small.product(), tmp_path / "product.onnx")
    for place in (tmp_path / "product.onnx", str(tmp_path / "product.onnx")):
        assert ort.InferenceSession(place).run(None, {"X": X})[0].tolist() == (X * X).tolist()


def test_get_providers(ort: Any) -> None:
    assert ort.get_available_providers()[-1] == "CPUExecutionProvider"
    assert ort.get_all_providers()[-1] == "CPUExecutionProvider"
    session = opened(ort, small.product(), providers=ort.get_available_providers())
    assert "CPUExecutionProvider" in session.get_providers()
    assert session.get_provider_options() == {"CPUExecutionProvider": {}}


def test_invalid_set_providers(session: Any) -> None:
    with pytest.raises(RuntimeError, match="Unknown Provider Type: InvalidProvider"):
        session.set_providers(["InvalidProvider"])
    session.set_providers(["CPUExecutionProvider"])
    assert session.run(None, {"X": X})[0].tolist() == (X * X).tolist()


def test_run_model(session: Any) -> None:
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("X", "tensor(float)", [3, 2])
    assert (made.name, made.shape) == ("Y", [3, 2])
    assert len(session.get_input_memory_infos()) == len(session.get_output_memory_infos()) == 1
    assert len(session.get_input_epdevices()) == 1
    (y,) = session.run(["Y"], {"X": X})
    np.testing.assert_array_equal(y, X * X)


def test_run_model_from_bytes(session: Any) -> None:
    assert session.run(["Y"], {"X": X})[0].tolist() == (X * X).tolist()
    assert session.run([], {"X": X})[0].tolist() == (X * X).tolist()
    assert [one.tolist() for one in session.run(["Y", "Y"], {"X": X})] == [(X * X).tolist()] * 2


def test_run_base_model(ort: Any, session: Any) -> None:
    assert session.run(None, {"X": X}, ort.RunOptions())[0].tolist() == (X * X).tolist()


def test_run_model2(ort: Any) -> None:
    (y,) = opened(ort, small.open_product()).run(["Y"], {"X": X})
    assert y.tolist() == X.sum(1, keepdims=True).tolist()


def test_run_model2_contiguous(ort: Any) -> None:
    strided = X[:, [1, 0]].copy()[:, ::-1]
    assert not strided.flags.c_contiguous
    session = opened(ort, small.product())
    np.testing.assert_array_equal(session.run(None, {"X": strided})[0], X * X)
    np.testing.assert_array_equal(session.run(None, {"X": np.ascontiguousarray(strided)})[0], X * X)


def test_run_model_symbolic_input(ort: Any) -> None:
    session = opened(ort, small.open_product())
    assert session.get_inputs()[0].shape == ["rows", 2]
    assert session.get_outputs()[0].shape == ["rows", 1]
    for rows in (3, 1, 7):
        assert session.run(None, {"X": np.ones((rows, 2), np.float32)})[0].tolist() == [[2.0]] * rows


def test_run_model_multiple_threads(ort: Any) -> None:
    options = ort.SessionOptions()
    options.log_verbosity_level, options.logid = 1, "threads"
    session, found = opened(ort, small.product(), options), []

    def work(number: int) -> None:
        asked = ort.RunOptions()
        asked.logid = f"thread {number}"
        found.extend(session.run([], {"X": X * number}, run_options=asked)[0].tolist() for _ in range(20))

    threads = [threading.Thread(target=work, args=(2,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [(2 * X * X).tolist()] * 80


def test_list_as_input(session: Any) -> None:
    np.testing.assert_array_equal(session.run([], {"X": X.tolist()})[0], X * X)


def test_run_async(ort: Any) -> None:
    over, seen = threading.Event(), []

    def callback(results: Any, data: Any, error: str) -> None:
        seen.append((results, data, error))
        over.set()

    session = opened(ort, small.product())
    session.run_async(["Y"], {"X": X}, callback, 123456)
    assert over.wait(60)
    (((y,), data, error),) = seen
    assert (data, error, y.tolist()) == (123456, "", (X * X).tolist())
    over.clear()
    session.run_async(None, {"X": X[:1]}, callback, None)
    assert over.wait(60)
    assert seen[1][0] == []
    assert "index: 0 Got: 1 Expected: 3" in seen[1][2]


def test_boolean_inputs(ort: Any) -> None:
    session = opened(ort, small.both())
    assert [(arg.name, arg.shape, arg.type) for arg in session.get_inputs()] == [
        ("input1:0", [2, 2], "tensor(bool)"),
        ("input:0", [2, 2], "tensor(bool)"),
    ]
    a, b = np.array([[True, True], [False, False]]), np.array([[True, False], [True, False]])
    (y,) = session.run(["output:0"], {"input1:0": a, "input:0": b})
    assert y.tolist() == (a & b).tolist()


def test_raise_wrong_num_inputs(ort: Any) -> None:
    wanted = r"Required inputs \(\['input1:0'\]\) are missing from input feed \(\['input:0'\]\)"
    with pytest.raises(ValueError, match=wanted):
        opened(ort, small.both()).run([], {"input:0": np.ones((2, 2), bool)})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("test_string_input1", np.array([["this", "is"], ["identity", "test"]])),
        ("test_string_input2", np.array([["Olá", "你好"], ["여보세요", "hello"]])),
        ("test_string_list_as_input", [["this", "is"], ["identity", "test"]]),
        ("test_input_object", np.array([["this", "is"], ["identity", "test"]], object)),
        ("test_input_bytes", np.array([[b"this", b"is"], [b"identity", b"test"]])),
        ("test_input_void", np.array([[b"must", b"have"], [b"same", b"size"]], np.void)),
    ],
)
def test_texts(ort: Any, name: str, given: Any) -> None:
    session = opened(ort, small.texts())
    assert (session.get_inputs()[0].type, session.get_inputs()[0].shape) == ("tensor(string)", [2, 2])
    (y,) = session.run(["output:0"], {"input:0": given})
    flat = np.asarray(given).reshape(-1).tolist()
    assert y.reshape(-1).tolist() == [one.decode() if isinstance(one, bytes) else one for one in flat], name
    assert y.shape == (2, 2)


def test_sequence_length(ort: Any) -> None:
    session = opened(ort, small.sequence_length())
    assert (session.get_inputs()[0].type, session.get_outputs()[0].type) == ("seq(tensor(float))", "tensor(int64)")
    assert session.run(["Y"], {"S": [X, X]})[0] == 2


def test_sequence_construct(ort: Any) -> None:
    session = opened(ort, small.sequence_construct())
    assert session.get_outputs()[0].type == "seq(tensor(int64))"
    a = np.arange(6).reshape(2, 3)
    (made,) = session.run(["S"], {"tensor1": a, "tensor2": a + 1})
    assert [one.tolist() for one in made] == [a.tolist(), (a + 1).tolist()]


def test_sequence_insert(ort: Any) -> None:
    session = opened(ort, small.sequence_insert())
    a = np.arange(6).reshape(2, 3)
    (made,) = session.run(["S"], {"tensor": a, "input_seq": []})
    assert [one.tolist() for one in made] == [a.tolist()]


def test_run_model_with_optional_sequence_input(ort: Any) -> None:
    session, x = opened(ort, small.optional_identity()), [np.arange(5, dtype=np.float32)]
    (y,) = session.run(["y"], {"x": x})
    assert [one.tolist() for one in y] == [x[0].tolist()]


def test_model_meta(session: Any) -> None:
    meta = session.get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.domain) == ("a test", "small", "")
    assert (meta.description, meta.graph_description) == ("of zif", "one product")
    assert meta.custom_metadata_map == {"labels": "a\nb"}


def test_profiler_with_session_options(ort: Any, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
    session = opened(ort, small.product(), options)
    session.run([], {"X": X})
    file = Path(session.end_profiling())
    first, *lines, last = file.read_text().splitlines()
    assert (first, last, file.parent) == ("[", "]", tmp_path)
    assert all(tag in line for line in lines for tag in ("pid", "dur", "ts", "ph", "X", "name", "args"))
    assert [one["cat"] for one in json.loads(file.read_text())] == ["Session", "Node"]
    assert session.end_profiling() == ""


def test_profiler_get_start_time_ns(ort: Any, tmp_path: Path) -> None:
    starts = []
    for _ in range(3):
        options = ort.SessionOptions()
        options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
        starts.append(opened(ort, small.product(), options).get_profiling_start_time_ns())
    assert 0 < starts[0] <= starts[1] <= starts[2]


def test_run_output_does_not_alias_input_passthrough(ort: Any) -> None:
    session, kept = opened(ort, small.passing()), []
    for number in range(7):
        x = np.full((1, 2, 2, 2), number, np.float32)
        plus, same = session.run(None, {"input_0": x})
        assert not np.shares_memory(same, x)
        kept.append((plus, same))
    assert [(plus.max(), same.max()) for plus, same in kept] == [(n + 10.0, n) for n in range(7)]


def test_run_session_owned_output_is_zero_copy(session: Any) -> None:
    assert session.run(None, {"X": X})[0].base is not None


def test_get_graph_provider_assignment_info(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    found = opened(ort, small.sums(), options).get_provider_graph_assignment_info()
    assert {one.ep_name for one in found} == {"CPUExecutionProvider"}
    nodes = [node for one in found for node in one.get_nodes()]
    assert [(n.domain, n.op_type, n.name) for n in nodes] == [
        ("", "Add", "add_0"),
        ("", "Mul", "mul_0"),
        ("", "Add", "add_1"),
    ]


def test_get_graph_provider_assignment_info_not_enabled(ort: Any) -> None:
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.Fail, match='must be set to "1"'):
        opened(ort, small.sums()).get_provider_graph_assignment_info()


def test_tree_ensemble_logistic(ort: Any) -> None:
    label, probs = opened(ort, small.tree()).run(None, {"X": np.array([[0.1, 0.0, 0.0]], np.float32)})
    assert label.tolist() == [0]
    np.testing.assert_allclose(probs[0][1], 1 / (1 + np.exp(0.405)), atol=1e-5)
