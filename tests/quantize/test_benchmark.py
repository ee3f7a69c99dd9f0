"""A small version of benchmarks/quantization.py: against onnxruntime's own one-call recipe, on HTP, on real inputs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from zoo import ZooUnavailable, entry

pytestmark = pytest.mark.slow
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "quantization.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    pytest.importorskip("zif_qnn_htp", reason="Qualcomm's compiler is not installed")
    spec = importlib.util.spec_from_file_location("quantization_benchmark", BENCHMARK)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["mtcnn-pnet", "mtcnn-rnet"])
def test_never_worse_than_the_one_call_recipe_and_wholly_on_htp(name: str, benchmark: Any) -> None:
    try:
        found = list(benchmark.rows(entry(name), ["w8a8", "w8a16"]))
    except ZooUnavailable as error:
        pytest.skip(str(error))
    assert len(found) == 2
    for _, _, before, qnn, _, _, static, _, ours, told, there, _ in found:
        assert before == there == "all"
        assert "not good" not in told
        theirs = [float(one) for one in (qnn, static) if one[-1].isdigit()]  # its per-channel PReLU does not load
        assert theirs
        assert float(ours) >= max(theirs) - 0.5
