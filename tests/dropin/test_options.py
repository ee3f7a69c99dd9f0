"""Options as ONNX Runtime's own tests use them, names as there (see theirs.py): honoured, or said once."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dropin import small_models as small
from dropin.small_models import X, opened
from zif.errors import Unused


def test_get_version_string(ort: Any) -> None:
    assert ort.get_version_string() == ort.__version__
    assert ort.__version__


def test_get_build_info(ort: Any) -> None:
    assert "Build Info" in ort.get_build_info()


def test_enabling_and_disabling_telemetry(ort: Any) -> None:
    assert ort.disable_telemetry_events() is None
    assert ort.enable_telemetry_events() is None


def test_run_device(ort: Any) -> None:
    assert "CPU" in ort.get_device()


def test_graph_optimization_level(ort: Any) -> None:
    options = ort.SessionOptions()
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session = opened(ort, small.both(), options)
    config = session.zif_session.plan.request.config
    assert config["qnn_cpu"]["graph_optimization_level"] == "extended"
    assert session.run([], {"input1:0": np.ones((2, 2), bool), "input:0": np.ones((2, 2), bool)})[0].all()
    with pytest.raises(TypeError):
        options.graph_optimization_level = 99
    with pytest.raises(AttributeError):
        options.graph_optimisation_level = 1


def test_ort_execution_mode(ort: Any) -> None:
    options = ort.SessionOptions()
    assert options.execution_mode == ort.ExecutionMode.ORT_SEQUENTIAL
    options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    assert options.execution_mode == ort.ExecutionMode.ORT_PARALLEL


def test_session_options_add_free_dimension_override_by_denotation(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_denotation("DATA_BATCH", 3)
    options.add_free_dimension_override_by_denotation("DATA_CHANNEL", 5)
    session = opened(ort, small.free(denotations=True), options)
    assert session.get_inputs()[0].shape == [3, 5, 5]
    assert session.run(None, {"x": -np.ones((3, 5, 5), np.float32)})[0].shape == (3, 5, 5)


def test_session_options_add_free_dimension_override_by_name(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("Dim1", 4)
    options.add_free_dimension_override_by_name("Dim2", 6)
    session = opened(ort, small.free(), options)
    assert session.get_inputs()[0].shape == [4, 6, 5]
    assert session.get_outputs()[0].shape == [4, 6, 5]


def test_session_options_add_config_entry(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_session_config_entry("CONFIG_KEY", "CONFIG_VAL")
    assert options.get_session_config_entry("CONFIG_KEY") == "CONFIG_VAL"
    with pytest.warns(Unused, match="'CONFIG_KEY' has no effect"):
        opened(ort, small.product(), options)


def test_invalid_session_options_config_entry(ort: Any) -> None:
    with pytest.raises(RuntimeError, match="SessionOptions does not have configuration with key: INVALID_KEY"):
        ort.SessionOptions().get_session_config_entry("INVALID_KEY")


def test_session_options_add_initializer(ort: Any) -> None:
    other = np.array([[2, 1], [4, 3], [6, 5]], np.float32)
    options = ort.SessionOptions()
    options.add_initializer("W", ort.OrtValue.ortvalue_from_numpy(other))
    assert opened(ort, small.product(), options).run(["Y"], {"X": X})[0].tolist() == (X * other).tolist()


def test_session_options_add_external_initializers(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_external_initializers(["pads"], [ort.OrtValue.ortvalue_from_numpy(np.array([0, 0, 1, 1]))])
    assert opened(ort, small.padded(), options).run(None, {"x": X[:1]})[0].tolist() == [[1, 2, 0], [0, 0, 0]]


def test_session_options_add_external_initializers_from_files_in_memory(ort: Any) -> None:
    content = np.array([0, 0, 1, 1]).tobytes()
    options = ort.SessionOptions()
    options.add_external_initializers_from_files_in_memory(["pads.bin"], [content], [len(content)])
    assert opened(ort, small.padded(), options).run(None, {"x": X[:1]})[0].tolist() == [[1, 2, 0], [0, 0, 0]]


def test_register_custom_ops_library(ort: Any) -> None:
    extensions = pytest.importorskip("onnxruntime_extensions")
    from onnx import TensorProto, helper

    node = helper.make_node("StringUpper", ["t"], ["u"], domain="ai.onnx.contrib")
    infos = [helper.make_tensor_value_info(name, TensorProto.STRING, [1]) for name in "tu"]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.contrib", 1)]
    model = helper.make_model(helper.make_graph([node], "g", infos[:1], infos[1:]), opset_imports=imports, ir_version=9)
    for _ in range(2):
        options = ort.SessionOptions()
        options.register_custom_ops_library(extensions.get_library_path())
        session = opened(ort, model, options)
        assert session.run(None, {"t": np.array(["up"], object)})[0].tolist() == ["UP"]


def test_set_default_logger_callback(ort: Any) -> None:
    told: list[tuple[Any, ...]] = []
    ort.set_default_logger_callback(lambda *line: told.append(line), severity=0)
    opened(ort, small.product())
    assert told
    assert [type(word) for word in told[0]] == [int, str, str, str, str]
    ort.set_default_logger_callback(None)
    before = len(told)
    opened(ort, small.product())
    assert len(told) == before
    for wrong in ((print, 5), (print, -1), ("not a callable", 2)):
        with pytest.raises(RuntimeError):
            ort.set_default_logger_callback(*wrong)

    def failing(*_: Any) -> None:
        raise ValueError("of the callback")

    ort.set_default_logger_callback(failing, severity=0)
    opened(ort, small.product())
    ort.set_default_logger_callback(None)
    ort.set_default_logger_severity(2)
    assert logging.getLogger("zif.ort").level == logging.WARNING


def test_memory_arena_shrinkage(ort: Any, session: Any) -> None:
    options = ort.RunOptions()
    with pytest.warns(Unused, match="memory.enable_memory_arena_shrinkage"):
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    assert options.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "cpu:0"
    assert session.run([], {"X": X}, options)[0].tolist() == (X * X).tolist()


def test_shared_allocator_using_create_and_register_allocator(ort: Any) -> None:
    with pytest.warns(Unused, match="allocate by themselves"):
        ort.create_and_register_allocator(None, None)


def test_check_and_normalize_provider_args(ort: Any) -> None:
    check = ort.capi.onnxruntime_inference_collection.check_and_normalize_provider_args
    known = ["a", "b", "c"]
    assert check(None, None, known) == ([], [])
    assert check(["a", "b"], None, known) == (["a", "b"], [{}, {}])
    assert check([("a", {1: 2}), "b"], None, known) == (["a", "b"], [{"1": "2"}, {}])
    assert check(["a", "b"], [{1: 2}, {}], known) == (["a", "b"], [{"1": "2"}, {}])
    with pytest.warns(UserWarning, match="Duplicate provider 'a'"):
        assert check(["a", "b", "a"], [{"x": 1}, {}, {"y": 2}], known) == (["a", "b"], [{"x": "1"}, {}])
    for wrong in ((3, None), ([3], None), (["a"], 3), (["a"], ["no"]), (["a", "b"], [{}]), ([("a", {})], [{}])):
        with pytest.raises(ValueError, match="provider"):
            check(*wrong, known)


def test_threads_reach_the_backend(ort: Any) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.enable_cpu_mem_arena = 1, False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    asked = opened(ort, small.product(), options).zif_session.plan.request.config["qnn_cpu"]
    assert asked == {"num_threads": 1, "enable_cpu_mem_arena": False, "spin": "off"}


def test_options_of_a_provider_reach_its_backend(ort: Any) -> None:
    given = [("CPUExecutionProvider", {"performance_mode": "power_saver", "exact_int8": "0", "nonsense": 1})]
    with pytest.warns(Unused, match="option 'nonsense' of CPUExecutionProvider has no effect"):
        session = opened(ort, small.product(), providers=given)
    asked = session.zif_session.plan.request.config["qnn_cpu"]
    assert asked == {"performance_mode": "power_saver", "exact_int8": False}


def test_what_is_not_honoured_is_said_once(ort: Any, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.inter_op_num_threads = 4
    options.enable_mem_pattern = options.enable_mem_reuse = options.use_per_session_threads = False
    options.use_deterministic_compute = True
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        opened(ort, small.product(), options)
        opened(ort, small.product(), options)
    texts = [str(one.message) for one in said if one.category is Unused]
    assert len(texts) == len(set(texts)) == 7
    for word in ("ORT_PARALLEL", "optimized_model_filepath", "inter_op_num_threads", "use_deterministic_compute"):
        assert sum(word in text for text in texts) == 1


def test_a_target_and_a_policy_may_be_entries(ort: Any) -> None:
    options = ort.SessionOptions()
    options.add_session_config_entry("zif.policy", "power")
    plan = opened(ort, small.product(), options).zif_session.plan
    assert (plan.policy, plan.target) == ("power", "host")
    ort.configure(policy="memory", exclude="reference")
    assert opened(ort, small.product()).zif_session.plan.policy == "memory"
    options.add_session_config_entry("zif.target", "nowhere")
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument, match="nowhere"):
        opened(ort, small.product(), options)
