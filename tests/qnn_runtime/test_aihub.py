"""AI Hub: a profile read without its client, layers as units, times that steer the next plan, what would be sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from jsonschema import Draft202012Validator
from onnx import TensorProto, helper, numpy_helper
from small import save, value
from zif import schemas
from zif.backends.environments.installer import uv
from zif.cli import run
from zif.errors import UsageError
from zif_qnn_runtime import status
from zif_qnn_runtime.aihub.results import read_results, results_of
from zif_qnn_runtime.aihub.units import by_unit

CHIP = "snapdragon-8-gen-3"


def network(folder: Path) -> Path:
    """conv → relu → gap, wide enough that a plan for a chip gives it to the NPU."""
    weight = np.random.default_rng(0).normal(size=(64, 32, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["/body/conv/out"], "/body/conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["/body/conv/out"], ["r"], "/body/relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["y"], "pool"),
    ]
    ends = [value("x", [1, 32, 56, 56], TensorProto.FLOAT)], [value("y", [1, 64, 1, 1], TensorProto.FLOAT)]
    return save(folder / "net.onnx", nodes, *ends, [numpy_helper.from_array(weight, "w")])


def layer(name: str, us: float | None = None, unit: str = "NPU", **more: Any) -> dict[str, Any]:
    told = {"name": name, "type": "Op", "compute_unit": unit, **more}
    return told if us is None else {**told, "execution_time": us}


def profile(*layers: dict[str, Any], us: float = 1000.0) -> dict[str, Any]:
    summary = {"estimated_inference_time": us, "estimated_inference_peak_memory": 5_000_000, "first_load_time": 3}
    return {"execution_summary": summary, "execution_detail": list(layers)}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    network(tmp_path)
    return tmp_path


def said(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run([*words, "--json"])
    out = json.loads(capfd.readouterr().out)
    if out["schema"] == "zif.layers/1":
        Draft202012Validator(schemas.schema("layers")).validate(out)
    return code, out


def test_layers_are_units_by_the_names_that_runtimes_give_them(room: Path) -> None:
    model = zif.Model.load(room / "net.onnx")
    told = profile(
        layer("_body_conv_token_3", 300.0), layer("/body/relu", 100.0), layer("y", 500.0), layer("Input OpId_2", 100.0)
    )
    found = by_unit(results_of(told, "it"), model)
    (group,) = found.groups
    assert (group.processor, group.us) == ("npu", 1000.0)
    assert group.parts == pytest.approx({"/body/conv": 1000 / 3, "/body/relu": 1000 / 9, "pool": 5000 / 9})
    assert group.layers["pool"] == ("y",)
    assert found.strange == ("Input OpId_2",)


def test_cycles_share_a_time_out_and_processors_are_apart(room: Path) -> None:
    model = zif.Model.load(room / "net.onnx")
    told = profile(
        layer("/body/conv", execution_cycles=6000),
        layer("/body/relu", execution_cycles=2000),
        layer("pool", unit="CPU", execution_cycles=2000),
    )
    npu, cpu = by_unit(results_of(told, "it"), model).groups
    assert npu.parts == pytest.approx({"/body/conv": 600.0, "/body/relu": 200.0})
    assert (cpu.processor, cpu.parts) == ("cpu", pytest.approx({"pool": 200.0}))


def test_a_profile_and_a_jobs_folder_are_read_without_the_client(
    room: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "qai_hub", None)  # an import of it fails
    told = profile(layer("/body/conv", 700.0), layer("/body/relu", 200.0), layer("pool", 100.0))
    (room / "job").mkdir()
    (room / "job" / "net_jp4k_results.json").write_text(json.dumps(told))
    (room / "job" / "other.json").write_text("{}")
    for place in ("job", "job/net_jp4k_results.json"):
        code, out = said(capfd, "aihub", "read", place, "net.onnx", "--no-keep")
        assert (code, out["us"], out["kept"]) == (0, 1000.0, [])
        first = out["units"][0]
        assert (first["unit"], first["us"]) == ("/body/conv", pytest.approx(700.0))
    assert run(["aihub", "read", "job", "net.onnx", "--no-keep"]) == 0
    assert "net: 1000 µs" in capfd.readouterr().out


def test_the_page_has_the_devices_layers_beside_the_nodes(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    told = profile(layer("_body_conv_token_3", 700.0), layer("/body/relu", 200.0), layer("Moved <b>", 100.0))
    (room / "p.json").write_text(json.dumps(told))
    words = ["aihub", "read", "p.json", "net.onnx", "--no-keep", "--html", "p.html"]
    assert run(words) == 2
    assert "--target names the chip" in capfd.readouterr().err
    assert run([*words[:-1], "net.onnx", "-t", CHIP]) == 2
    assert run([*words, "-t", CHIP]) == 0
    page = (room / "p.html").read_text(encoding="utf-8")
    table = page.split('id="node-rows"')[1].split("</table>")[0]
    conv, relu, pool, moved = table.split("<tr>")[2:]
    assert "/body/conv" in conv
    assert "_body_conv_token_3" in conv
    assert "npu" in conv
    assert "probed" in conv
    assert "µs" in relu
    assert "pool" in pool
    assert "Moved &lt;b&gt;" in moved
    assert "emulated" not in table
    assert "1000 µs an inference" in page


def test_what_was_measured_steers_the_next_plan_for_that_chip(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    before = zif.plan("net.onnx", CHIP)
    assert {unit.backend for unit in before.units} == {"qnn_htp"}
    slow = profile(layer("/body/conv", 300_000.0), layer("/body/relu", 10.0), layer("pool", 10.0), us=300_020.0)
    (room / "p.json").write_text(json.dumps(slow))
    code, out = said(capfd, "aihub", "read", "p.json", "net.onnx", "-t", CHIP)
    assert (code, out["kept"]) == (0, ["qnn_htp"])
    after = zif.plan("net.onnx", CHIP)
    verdict = after.unit("/body/conv").verdicts["qnn_htp"]
    assert (verdict.cost_source, verdict.cost_us) == ("measured", pytest.approx(300_000.0))
    assert after.unit("/body/conv").backend != "qnn_htp"  # what is slow there moves away
    other = zif.plan("net.onnx", "snapdragon-8-elite")
    assert other.unit("/body/conv").verdicts["qnn_htp"].cost_source != "measured"
    fast = profile(layer("/body/conv", 10.0), layer("/body/relu", 1.0), layer("pool", 1.0), us=12.0)
    (room / "p.json").write_text(json.dumps(fast))
    assert said(capfd, "aihub", "read", "p.json", "net.onnx", "-t", CHIP)[0] == 0
    again = zif.plan("net.onnx", CHIP)  # the newer measurement takes the older one's place
    assert again.unit("/body/conv").verdicts["qnn_htp"].cost_us == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("document", "words"),
    [({}, "is no profile of AI Hub"), ([], "is no profile"), ({"execution_summary": {}}, "estimated_inference_time")],
)
def test_what_is_no_profile_is_refused(
    room: Path, capfd: pytest.CaptureFixture[str], document: Any, words: str
) -> None:
    (room / "p.json").write_text(json.dumps(document))
    code, out = said(capfd, "aihub", "read", "p.json", "net.onnx")
    assert (code, words in out["message"]) == (2, True)


def test_a_folder_must_hold_one_profile(room: Path) -> None:
    for name in ("a.json", "b.json"):
        (room / name).write_text(json.dumps(profile(layer("pool", 1.0))))
    with pytest.raises(UsageError, match=r"and has a\.json, b\.json: name the file"):
        read_results(room)


def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(
    room: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "qai_hub", None)
    code, out = said(capfd, "aihub", "profile", "net.onnx", "--device", "Samsung Galaxy S24", "--dry-run")
    told = out["dry_run"]
    assert (code, told["file"], told["device"]) == (0, "net.onnx", "Samsung Galaxy S24")
    assert told["bytes"] == (room / "net.onnx").stat().st_size
    code, out = said(capfd, "aihub", "inference", "net.onnx", "--device", "S24", "--random", "0", "--dry-run")
    assert out["dry_run"]["inputs"] == {"x": {"sets": 1, "dtype": "float32", "shape": [1, 32, 56, 56]}}


def test_without_the_client_it_says_how_to_have_it(
    room: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "qai_hub", None)
    code, out = said(capfd, "aihub", "profile", "net.onnx", "--device", "S24")
    assert (code, "pip install qai-hub" in out["message"]) == (1, True)
    code, out = said(capfd, "aihub", "profile", "net.onnx", "--device", "S24", "-t", "no-such-chip")
    assert code == 2


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qualcomm's own client from the index, beside this environment, with whose packages it does not go together."""
    folder = tmp_path_factory.mktemp("qai-hub")
    tool = uv()
    command = [tool, "pip", "install"] if tool else [sys.executable, "-m", "pip", "install"]
    done = subprocess.run([*command, "--quiet", "--target", str(folder), "qai-hub>=0.56,<1"], capture_output=True)
    if done.returncode:
        pytest.skip(f"no qai-hub from the index: {done.stderr.decode()[-200:]}")
    return folder


def standing_in(client: Path, room: Path, mode: str, *words: str) -> tuple[int, Any, list[dict[str, Any]]]:
    """The command line against a local stand-in of AI Hub's HTTP interface: code, document, what was asked."""
    script = Path(__file__).with_name("hub_stand_in.py")
    done = subprocess.run(
        [sys.executable, str(script), str(client), str(room), "aihub", *words, "--json"],
        cwd=room,
        env={**os.environ, "STAND_IN": mode},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, json.loads(done.stdout), json.loads((room / "asked.json").read_text())


PHONE = ("--device", "Samsung Galaxy S24")


@pytest.mark.slow
def test_a_profile_goes_through_the_real_client_and_comes_back_as_times(client: Path, room: Path) -> None:
    words = ("profile", "net.onnx", *PHONE, "-t", CHIP, "--options", "--compute_unit npu")
    code, out, asked = standing_in(client, room, "works", *words)
    assert (code, out["job"], out["us"]) == (0, "j1", 1000.0)
    assert {one["unit"]: one["us"] for one in out["units"]} == {"/body/conv": 700.0, "/body/relu": 200.0, "pool": 100.0}
    (job,) = [one["job"] for one in asked if "job" in one]
    assert job == {"model": "m1", "device": PHONE[1], "profile": True, "options": "--compute_unit npu"}
    (upload,) = [one for one in asked if one.get("path") == "/upload/m1"]
    assert upload["bytes"] == (room / "net.onnx").stat().st_size
    assert not upload["token"]  # which goes to AI Hub alone, from the client's own configuration
    assert all(one["token"] for one in asked if one.get("path", "").startswith("/api/"))
    if status("htp").available:
        assert zif.plan("net.onnx", CHIP).unit("/body/conv").verdicts["qnn_htp"].cost_source == "measured"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "words", "code", "said_"),
    [
        ("works", PHONE, 0, ""),
        ("wrong", PHONE, 1, ""),
        ("fails", PHONE, 1, "AI Hub's job j1 failed: too big"),
        ("refuses", PHONE, 1, "`qai-hub configure --api_token TOKEN` sets the token"),
        ("works", ("--device", "Nokia"), 1, "is not available"),
    ],
)
def test_outputs_of_a_device_are_held_against_the_cpu(
    client: Path, room: Path, mode: str, words: tuple[str, ...], code: int, said_: str
) -> None:
    got, out, _ = standing_in(client, room, mode, "inference", "net.onnx", *words, "--random", "0")
    assert got == code, out
    assert said_ in out.get("message", "")
    if not said_:
        (row,) = out["outputs"]
        assert (row["max_abs"] == 0.0) == (mode == "works")
    assert "secret-token" not in json.dumps(out)
