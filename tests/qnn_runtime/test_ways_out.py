"""Exports for Qualcomm's own tools: the pieces, the commands' flags, and the script for a phone before a fake adb."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from small import save, value
from zif.errors import UsageError
from zif.runtime.export.contract import Export
from zif_qnn_runtime import status
from zif_qnn_runtime.ways_out import tools
from zif_qnn_runtime.ways_out.litert import Options, litert

ROOT = Path(__file__).resolve().parents[2]
CHIP = "snapdragon-8-gen-3"


def network(path: Path) -> Path:
    """Two convolutions for the NPU with an Erf between them, which it has not; the last output is quantized."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(8, 3, 3, 3)), "v": rng.normal(size=(4, 8, 3, 3))}
    constants = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    constants += [numpy_helper.from_array(np.float32(0.25), "s"), numpy_helper.from_array(np.uint8(128), "z")]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Erf", ["a"], ["b"], "erf"),
        helper.make_node("Conv", ["b", "v"], ["c"], "second", pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], "dequantize"),
    ]
    ends = [value("x", [1, 3, 16, 16], TensorProto.FLOAT)], [value("y", [1, 4, 16, 16], TensorProto.FLOAT)]
    return save(path, nodes, *ends, constants)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    folder = tmp_path_factory.mktemp("ways")
    pin = {"first": "qnn_htp", "erf": "qnn_cpu", "second": "qnn_htp"}
    zif.compile(network(folder / "net.onnx"), folder / "net.zif", CHIP, also=["dlc", "source"], pin=pin, verify=False)
    return folder / "net.zif"


@pytest.fixture
def x() -> dict[str, Any]:
    return {"x": np.random.default_rng(1).normal(size=(1, 3, 16, 16)).astype(np.float32)}


def exported(bundle: Path, place: Path, word: str, x: dict[str, Any]) -> Path:
    zif.export(bundle, place, word, CHIP, samples=[x])
    return place


def texts(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.suffix in (".md", ".py", ".json", ".sh", ".txt"))


@pytest.mark.parametrize("word", ["qairt", "snpe", "android"])
def test_every_segment_has_what_it_is_fed_and_what_must_come_out(
    bundle: Path, tmp_path: Path, x: dict[str, Any], word: str
) -> None:
    folder = exported(bundle, tmp_path / word, word, x)
    segments = sorted(path.name for path in folder.glob("segment-*"))
    assert len(segments) == 2
    first, last = (folder / name for name in segments)
    assert (first / "inputs/0/00.raw").read_bytes() == x["x"].tobytes()
    assert (first / "input_list.txt").read_text() == "x:=inputs/0/00.raw\n"
    with zif.load(bundle) as session:
        y = session.run(x)["y"]
    told = json.loads((last / "io.json").read_text())
    (output,) = told["outputs"]
    expected = np.frombuffer((last / "expected/0/00.raw").read_bytes(), output["dtype"]).reshape(output["shape"])
    np.testing.assert_array_equal(expected, y)
    assert (told["soc_model"], told["htp_arch"]) == (57, 75)
    forms = {"qairt": {"graph.dlc", "context.bin", "source"}, "snpe": {"graph.dlc"}, "android": {"context.bin"}}[word]
    assert {path.name for path in first.iterdir()} & {"graph.dlc", "context.bin", "source"} == forms
    assert told["graph"].encode() in (first / min(forms - {"source"})).read_bytes() or first != last


def test_the_graph_in_the_options_is_that_of_dlc_and_binary(bundle: Path, tmp_path: Path, x: dict[str, Any]) -> None:
    folder = exported(bundle, tmp_path / "q", "qairt", x)
    for segment in folder.glob("segment-*"):
        options = json.loads((segment / "htp_config.json").read_text())
        (name,) = options["graphs"][0]["graph_names"]
        for file in ("graph.dlc", "context.bin"):
            assert name.encode() in (segment / file).read_bytes()
        outer = json.loads((segment / "backend_extensions.json").read_text())["backend_extensions"]
        assert (segment / outer["config_file_path"]).is_file()
        assert options["devices"][0]["soc_model"] == 57


def test_the_replay_finds_its_parameters(bundle: Path, tmp_path: Path, x: dict[str, Any]) -> None:
    """In the bundle and in the export: what the C source opens lies beside it, under that name."""
    folder = exported(bundle, tmp_path / "q", "qairt", x)
    sources = [*bundle.glob("source/*/*.c"), *folder.glob("*/source/*.c")]
    assert len(sources) == 4
    for source in sources:
        (name,) = re.findall(r'fopen\("([^"]+)"', source.read_text())
        assert (source.parent / name).stat().st_size


def test_scale_and_zero_point_of_outputs_stand_in_the_specs(bundle: Path, tmp_path: Path, x: dict[str, Any]) -> None:
    folder = exported(bundle, tmp_path / "q", "snpe", x)
    for place in (bundle, folder):
        (output,) = json.loads((place / "input_specs.json").read_text())["outputs"]
        assert (output["quantization"]["scale"], output["quantization"]["zero_point"]) == ([0.25], [128])


@pytest.mark.parametrize("word", ["qairt", "snpe", "android"])
def test_every_file_can_lie_on_windows(bundle: Path, tmp_path: Path, x: dict[str, Any], word: str) -> None:
    """Names that Windows takes, whatever tensors are called; lines that end as they were written."""
    folder = exported(bundle, tmp_path / word, word, x)
    for path in folder.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", path.name), path
        assert path.stem.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
    assert [path.name for path in texts(folder) if b"\r" in path.read_bytes()] == []


@pytest.mark.parametrize("word", ["qairt", "snpe", "android"])
def test_no_flag_is_written_that_the_tool_does_not_document(
    bundle: Path, tmp_path: Path, x: dict[str, Any], word: str
) -> None:
    folder = exported(bundle, tmp_path / word, word, x)
    wrong = [f"{path.name}: {one}" for path in texts(folder) for one in tools.undocumented(path.read_text())]
    assert wrong == []
    page = (folder / "README.md").read_text()
    assert "https://docs.qualcomm.com/" in page
    assert "```powershell" in page
    if word == "android":
        words = json.loads((folder / "job.json").read_text())["segments"][0]["command"]
        assert list(tools.undocumented(" ".join(words))) == []
        assert "--retrieve_context" in words


#: The left column of the tutorial's table quotes another document, whose flags are not all there are.
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "tutorial.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_has_one_either(page: Path) -> None:
    assert list(tools.undocumented(page.read_text(encoding="utf-8"))) == []


def test_a_flag_that_is_not_documented_is_found() -> None:
    with pytest.raises(ValueError, match="qnn-net-run has no flag --benchmark"):
        tools.words("qnn-net-run", "--benchmark")
    found = list(tools.undocumented("x\n${R}/bin/snpe-net-run \\\n  --container a --measure_performance\n"))
    assert found == ["${R}/bin/snpe-net-run: --measure_performance"]
    assert list(tools.undocumented("zif run --random 0")) == []
    assert list(tools.undocumented("say `qnn-net-run --bad x` and `other --good`")) == ["qnn-net-run: --bad"]
    assert list(tools.undocumented("qnn-net-run `\n  --bad\n")) == ["qnn-net-run: --bad"]  # PowerShell
    assert list(tools.undocumented('& "$env:Q\\bin\\qnn-net-run.exe" `\n  --bad\n')) == [
        '"$env:Q\\bin\\qnn-net-run.exe": --bad'
    ]


def test_a_flag_that_needs_another_is_not_written_alone() -> None:
    """snpe-net-run's help: "Must be used with --userbuffer_xxx"."""
    with pytest.raises(ValueError, match="beside --userbuffer_auto"):
        tools.words("snpe-net-run", ("--container", "a.dlc"), "--use_native_input_files")
    assert tools.words("snpe-net-run", "--userbuffer_auto", "--use_native_input_files")[1:]
    assert all(tool.read and tool.page.startswith("https://docs.qualcomm.com/") for tool in tools.TOOLS.values())


def test_a_command_in_powershell_names_what_windows_has() -> None:
    model = ("--model", "${QNN_SDK_ROOT}/lib/x86_64-linux-clang/libQnnModelDlc.so")
    line = tools.words("qnn-net-run", model, ("--dlc_path", "it's.dlc"), path="${QNN_SDK_ROOT}/bin/x86_64-linux-clang")
    head, *rest = tools.in_powershell(line).splitlines()
    assert head == '& "$env:QNN_SDK_ROOT\\bin\\x86_64-windows-msvc\\qnn-net-run.exe" `'
    assert rest[0] == '    --model "$env:QNN_SDK_ROOT\\lib\\x86_64-windows-msvc\\QnnModelDlc.dll" `'
    assert rest[1] == "    --dlc_path 'it''s.dlc'"


def compared(folder: Path, segment: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "compare.py", segment, "out", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_outputs_of_a_tool_are_held_against_the_expected_ones(bundle: Path, tmp_path: Path, x: dict[str, Any]) -> None:
    folder = exported(bundle, tmp_path / "q", "qairt", x)
    segment = max(path.name for path in folder.glob("segment-*"))
    assert compared(folder, segment).returncode == 2
    written = folder / "out/Result_0/y_native.raw"
    written.parent.mkdir(parents=True)
    data = (folder / segment / "expected/0/00.raw").read_bytes()
    written.write_bytes(data)
    done = compared(folder, segment)
    assert (done.returncode, done.stdout) == (0, f"{segment} set 0 y: inf dB\n")
    off = np.frombuffer(data, np.float32) * np.float32(1.1)
    written.write_bytes(off.tobytes())
    assert compared(folder, segment).returncode == 1
    assert compared(folder, segment, "--min-db", "15").returncode == 0
    written.write_bytes(data[:-4])
    assert "bytes instead of" in compared(folder, segment).stdout


ADB = """
import json, pathlib, shutil, sys
HERE = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (HERE / "log.jsonl").open("a") as log:
    log.write(json.dumps(words) + "\\n")
mode = (HERE / "mode").read_text()
if words[:2] == ["-s", "no-phone"]:
    sys.exit("error: device 'no-phone' not found")
if words[0] == "shell" and "qnn-net-run --backend" in words[1] and mode == "fails":
    sys.exit("Failed to create the device")
if words[0] == "shell" and "ro.soc.model" in words[1]:
    print("SM8650")
elif words[0] == "shell" and "cur_freq" in words[1]:
    print("1555200")
elif words[0] == "shell" and "video" in words[1]:
    print("not readable")
elif words[0] == "pull":
    segment, out = words[1].split("/")[-3], pathlib.Path(words[2])
    export = pathlib.Path((HERE / "export").read_text())
    names = json.loads((export / segment / "io.json").read_text())["outputs"]
    for number, info in enumerate(names):
        data = (export / segment / f"expected/0/{number:02d}.raw").read_bytes()
        (out / "Result_0").mkdir(parents=True, exist_ok=True)
        off = bytes(len(data)) if mode == "wrong" else data
        (out / "Result_0" / f"{info['name']}_native.raw").write_bytes(off)
"""


@pytest.fixture
def phone(bundle: Path, tmp_path: Path, x: dict[str, Any]) -> Path:
    """An export, a folder that looks like the SDK, and a program in the place of adb that records."""
    folder = exported(bundle, tmp_path / "a", "android", x)
    (tmp_path / "adb.py").write_text(ADB)
    (tmp_path / "export").write_text(str(folder))
    (tmp_path / "mode").write_text("right")
    files = ["bin/aarch64-android/qnn-net-run", "lib/hexagon-v75/unsigned/libQnnHtpV75Skel.so"]
    names = ("libQnnHtp.so", "libQnnSystem.so", "libQnnHtpNetRunExtensions.so", "libQnnHtpV75Stub.so")
    for name in (*files, *(f"lib/aarch64-android/{one}" for one in names)):
        (tmp_path / "sdk" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sdk" / name).write_bytes(b"")
    return tmp_path


def pushed(phone: Path, *more: str) -> subprocess.CompletedProcess[str]:
    adb = f"{sys.executable} {phone / 'adb.py'}"
    command = [sys.executable, str(phone / "a/run_on_phone.py"), "--adb", adb, "--sdk", str(phone / "sdk"), *more]
    environment = {name: one for name, one in os.environ.items() if name != "QNN_SDK_ROOT"}
    return subprocess.run(command, cwd=phone, capture_output=True, text=True, env=environment)


def test_a_phone_gets_the_tool_and_the_segments_and_is_compared(phone: Path) -> None:
    done = pushed(phone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("inf dB") == 2
    assert "the phone says: SM8650 - compiled for: snapdragon-8-gen-3" in done.stdout
    assert "latfloor/cur_freq: 1555200 before, 1555200 after" in done.stdout
    calls = [json.loads(line) for line in (phone / "log.jsonl").read_text().splitlines()]
    pushes = [Path(call[1]).name for call in calls if call[0] == "push"]
    assert {"qnn-net-run", "libQnnHtpV75Skel.so", "libQnnHtpV75Stub.so"} <= set(pushes)
    runs = [call[1] for call in calls if call[0] == "shell" and "--retrieve_context" in call[1]]
    assert len(runs) == 2
    for number, run in enumerate(runs):
        assert run.startswith(f"cd /data/local/tmp/zif/{pushes[-2:][number]} && rm -rf output && LD_LIBRARY_PATH=")
        assert "@REMOTE@" not in run
        assert "/data/local/tmp/zif/qnn-net-run --backend /data/local/tmp/zif/libQnnHtp.so" in run
        assert list(tools.undocumented(run)) == []
    first = next(place for place, call in enumerate(calls) if call[0] == "push")
    assert all(call[0] == "shell" for call in calls[:first])


@pytest.mark.parametrize(
    ("mode", "more", "code", "words"),
    [
        ("wrong", [], 1, ""),
        ("fails", [], 3, "Failed to create the device"),
        ("right", ["--serial", "no-phone"], 3, "device 'no-phone' not found"),
        ("right", ["--sdk", "elsewhere"], 2, "the SDK lacks elsewhere"),
    ],
)
def test_what_goes_wrong_on_a_phone_has_its_code(
    phone: Path, mode: str, more: list[str], code: int, words: str
) -> None:
    (phone / "mode").write_text(mode)
    done = pushed(phone, *more)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_without_the_npu_cannot_leave_so(tmp_path: Path) -> None:
    zif.compile(network(tmp_path / "net.onnx"), tmp_path / "cpu.zif", only=["qnn_cpu"], verify=False)
    with pytest.raises(UsageError, match="has no segment on Qualcomm's NPU"):
        zif.export(tmp_path / "cpu.zif", tmp_path / "out", "android")
    assert not (tmp_path / "out").exists()


def test_a_bundle_without_a_dlc_says_how_to_have_one(bundle: Path, tmp_path: Path) -> None:
    zif.compile(bundle.parent / "net.onnx", tmp_path / "b.zif", CHIP, pin={"first": "qnn_htp"}, verify=False)
    with pytest.raises(UsageError, match="compile it with `--also dlc`"):
        zif.export(tmp_path / "b.zif", tmp_path / "out", "snpe")


def test_a_tflite_model_leaves_with_the_delegates_options(tmp_path: Path) -> None:
    source = tmp_path / "net.tflite"
    source.write_bytes(b"\x1c\0\0\0TFL3")
    model = zif.Model.load(network(tmp_path / "net.onnx"))
    job = Export(source, "net", tmp_path / "out", None, "host", tmp_path, model=lambda: model)
    made = litert(job, Options())
    assert json.loads(made.files["delegate_options.json"])["htp_precision"] == "0"  # it has a DequantizeLinear
    assert made.files["model.tflite"] == source
    page = bytes(made.files["README.md"]).decode()  # type: ignore[arg-type]
    assert list(tools.undocumented(page)) == []
    assert "backend_type:htp;library_path:libQnnHtp.so" in page
    assert "NNAPI is retired" in page
    assert json.loads(litert(job, Options(precision="fp16")).files["delegate_options.json"])["htp_precision"] == "1"

    def cannot() -> zif.Model:
        raise UsageError("no frontend")

    with pytest.raises(UsageError, match="give --precision"):
        litert(Export(source, "net", tmp_path / "out", None, "host", tmp_path, model=cannot), Options())
    source.write_bytes(b"")
    with pytest.raises(UsageError, match="is no TFLite model"):
        litert(job, Options(precision="fp16"))
    with pytest.raises(UsageError, match="did not come from TFLite"):
        litert(Export(tmp_path / "net.onnx", "net", tmp_path / "out", None, "host", tmp_path), Options())
