"""Backend configurations: the tutorial's file, the same as TOML and in Python, and what is wrong with others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zif
from zif.backends.config import check, settle
from zif.errors import UsageError

CHIP = zif.target("snapdragon-8-elite")  # Hexagon v79
V81 = zif.target("snapdragon-8-elite-gen-5")

#: As Qualcomm's tutorial prints it, the comment included.
TUTORIAL = """// backend_config.json
{
  "htp_config": {
    "device_id": 0,
    "performance_mode": "high_performance",
    "precision_mode": "int8",
    "vtcm_mb": 8,
    "enable_dma": true
  },
  "gpu_config": {
    "device_id": 0,
    "performance_mode": "sustained_high_performance",
    "precision_mode": "fp16",
    "enable_transform_optimization": true
  },
  "cpu_config": {
    "num_threads": 4,
    "performance_mode": "balanced",
    "enable_fast_math": true
  }
}
"""
TOML = """
[htp_config]
device_id = 0
performance_mode = "high_performance"
precision_mode = "int8"
vtcm_mb = 8
enable_dma = true

[gpu_config]
device_id = 0
performance_mode = "sustained_high_performance"
precision_mode = "fp16"
enable_transform_optimization = true

[cpu_config]
num_threads = 4
performance_mode = "balanced"
enable_fast_math = true
"""

pytestmark = pytest.mark.skipif(
    not {"qnn_cpu", "qnn_gpu", "qnn_htp"} <= {row.name for row in zif.installed()},
    reason="needs zif-qnn-htp, zif-qnn-gpu and zif-qnn-cpu installed",
)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_tutorials_file_its_toml_and_its_mapping_are_the_same(tmp_path: Path) -> None:
    mapping = json.loads(TUTORIAL.partition("\n")[2])
    given = (written(tmp_path, "backend_config.json", TUTORIAL), written(tmp_path, "c.toml", TOML), mapping)
    one, two, three = (settle(source, CHIP) for source in given)
    assert one == two == three
    assert set(one) == {"qnn_htp", "qnn_gpu", "qnn_cpu"}
    assert one["qnn_htp"]["vtcm_mb"] == 8


def test_a_section_may_be_called_as_the_backend() -> None:
    assert settle({"qnn_htp": {"vtcm_mb": 8}}, CHIP) == settle({"htp_config": {"vtcm_mb": 8}}, CHIP)


def test_what_has_no_effect_is_said() -> None:
    sections = {one.backend: one for one in check(json.loads(TUTORIAL.partition("\n")[2]), CHIP)}
    htp, gpu = sections["qnn_htp"].remarks, sections["qnn_gpu"].remarks
    assert any("enable_dma has no effect: Hexagon v79 always uses DMA" in text for text in htp)
    assert any("'high'" in text and "no effect" in text for text in gpu)
    newer = check({"htp_config": {"enable_dma": True}}, V81)
    assert not any("enable_dma" in text for text in newer[0].remarks)


def test_the_emulator_says_that_it_has_no_clocks() -> None:
    if zif.backend("qnn_htp").capabilities(CHIP).kind == "hardware":
        pytest.skip("there is a Hexagon NPU")
    (section,) = check({"htp_config": {"performance_mode": "burst", "context_priority": "high"}}, CHIP)
    assert len(section.remarks) == 2
    assert all("no effect on the emulator" in text for text in section.remarks)


MODES = ("burst", "balanced", "low_balanced", "power_saver", "extreme_power_saver", "sustained_high_performance")


@pytest.mark.parametrize("section", ["htp_config", "gpu_config", "cpu_config"])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_qnns_is_known_to_every_processor(section: str, mode: str) -> None:
    (found,) = check({section: {"performance_mode": mode}}, CHIP)
    assert found.options.performance_mode == mode


WRONG: list[tuple[Any, tuple[str, ...]]] = [
    ({"npu_config": {}}, ("no installed backend has a section 'npu_config'", "Did you mean", "qnn_htp or htp_config")),
    ({"htp_config": {}, "qnn_htp": {}}, ("'htp_config' and 'qnn_htp' are both for qnn_htp",)),
    ({"htp_config": 5}, ("'htp_config' must be a table",)),
    ({"htp_config": {"vtcm": 8}}, ("unknown option 'vtcm'", "Did you mean 'vtcm_mb'", "enable_dma")),
    ({"htp_config": {"vtcm_mb": 100}}, ("vtcm_mb", "64")),
    ({"htp_config": {"performance_mode": "fast"}}, ("'fast'", "burst", "extreme_power_saver")),
    ({"htp_config": {"precision_mode": "fp32"}}, ("'fp32'", "auto, fp16, int16, int8")),
    ({"htp_config": {"enable_dma": False}}, ("enable_dma cannot be false", "no switch")),
    ({"htp_config": {"extended_udma": True}}, ("Hexagon v79 has no extended DMA engine",)),
    ({"gpu_config": {"precision_mode": "int8"}}, ("'int8'", "fp16, fp32")),
    ({"gpu_config": {"enable_transform_optimization": False}}, ("cannot be false", "no switch")),
    ({"gpu_config": {"vtcm_mb": 8}}, ("qnn_gpu: unknown option 'vtcm_mb'", "precision_mode")),
    ({"cpu_config": {"num_threads": "many"}}, ("num_threads takes a whole number",)),
    ({"cpu_config": {"num_threads": -1}}, ("num_threads",)),
    ({"cpu_config": {"num_threads": float("inf")}}, ("Infinity is no finite number (line 1",)),
    ({"cpu_config": {"num_threads": 10**30}}, ("num_threads takes a whole number that a machine can hold",)),
    ({"cpu_config": {"num_threads": []}}, ("num_threads takes a whole number",)),
    ({"cpu_config": {"precision_mode": "int8"}}, ("qnn_cpu: unknown option 'precision_mode'",)),
]


@pytest.mark.parametrize(("given", "words"), WRONG, ids=[str(row[0])[:60] for row in WRONG])
def test_what_is_wrong_is_refused_with_what_is_possible(tmp_path: Path, given: Any, words: tuple[str, ...]) -> None:
    path = written(tmp_path, "c.json", json.dumps(given))
    with pytest.raises(UsageError) as caught:
        settle(path, CHIP)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_number_that_no_machine_holds_is_refused() -> None:
    for number in (float("inf"), float("nan"), 1e30):
        with pytest.raises(UsageError, match="num_threads takes a whole number"):
            settle({"cpu_config": {"num_threads": number}}, CHIP)


@pytest.mark.parametrize("text", ["{", "[]", "{'htp_config': {}}", "\x00"])
def test_what_is_no_table_is_refused_by_file(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "c.json", text)
    with pytest.raises(UsageError, match=r"c\.json"):
        settle(path, CHIP)
    with pytest.raises(UsageError, match="gone"):
        settle(tmp_path / "gone.json", CHIP)


def test_a_device_that_the_emulator_lacks_is_refused() -> None:
    if zif.backend("qnn_htp").capabilities(CHIP).kind == "hardware":
        pytest.skip("there is a Hexagon NPU")
    with pytest.raises(UsageError, match="the emulator has device 0 only"):
        settle({"htp_config": {"device_id": 1}}, CHIP)


def test_an_alias_of_two_backends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.backends import config
    from zif.records import Capabilities

    both = {name: Capabilities("cpu", config_sections=("cpu_config",)) for name in ("one", "two")}
    monkeypatch.setattr(config, "_known", lambda *_: both)
    with pytest.raises(UsageError, match="could be for one or two: call it as the backend"):
        settle({"cpu_config": {}}, CHIP)
