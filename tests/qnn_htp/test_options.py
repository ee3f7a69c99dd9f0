from __future__ import annotations

import pytest
from zif import UsageError
from zif.backends.options import build_options
from zif_qnn_htp.chips import Chip
from zif_qnn_htp.options import HtpOptions, provider_options, run_settings

CHIP = Chip("a chip", 57, 75, fp16=True)


def test_chip_is_always_named() -> None:
    assert provider_options(HtpOptions(), CHIP).chosen() == {"soc_model": "57"}


def test_words_become_those_of_the_provider() -> None:
    options = HtpOptions(performance_mode="burst", vtcm_mb=4, finalization="thorough", context_priority="high")
    assert provider_options(options, CHIP).chosen() == {
        "soc_model": "57",
        "htp_performance_mode": "burst",
        "vtcm_mb": "4",
        "htp_graph_finalization_optimization_mode": "3",
        "qnn_context_priority": "high",
    }


def test_modes_of_runs_go_with_every_run_and_the_emulator_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    import zif
    from onnx import TensorProto, helper
    from zif_qnn_htp import executable

    told: list[dict[str, str]] = []
    quiet = executable._quiet_run
    monkeypatch.setattr(executable, "_quiet_run", lambda settings: told.append(dict(settings)) or quiet(settings))
    options = HtpOptions(run_mode="burst", idle_mode="low_power_saver")
    settings = {"qnn.htp_perf_mode": "burst", "qnn.htp_perf_mode_post_run": "low_power_saver"}
    assert run_settings(options) == settings
    assert run_settings(HtpOptions()) == {}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "relu")], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    backend, target = zif.backend("qnn_htp"), zif.target("snapdragon-8-gen-3")
    loaded = zif.Model.load(model)
    compiled = backend.compile(backend.convert(loaded, target, options), target, options)
    run = backend.load(compiled, options)
    np.testing.assert_allclose(run.run({"x": np.ones((1, 8), np.float32)})["y"], 1, atol=1e-3)
    run.close()
    assert told == [settings]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"performance_mode": "warp"}, "sustained_high_performance"),
        ({"run_mode": "warp"}, "sustained_high_performance"),
        ({"vtcm": 4}, "Known: .*vtcm_mb"),
        ({"vtcm_mb": 100}, "64"),
        ({"finalization": "slow"}, "thorough"),
        ({"dlc": "perhaps"}, "true or false"),
    ],
)
def test_unknown_or_impossible_is_refused_with_what_is_possible(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build_options(HtpOptions, given, "qnn_htp")
