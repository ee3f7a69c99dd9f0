"""`zif encodings` on files: what it tells that `quantize` would refuse, what it keeps, and what it never overwrites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from quantized_nets import cnn
from typer.testing import CliRunner
from zif.cli.app import application
from zif.cli.files import write_all
from zif.errors import InvalidInput, NotWritten, UsageError
from zif_quantize.cli.saving import beside, save
from zif_quantize.qdq import FORMATS, Encoding, Encodings, read, write

ARGS = {"activation_bitwidth": 8, "param_bitwidth": 4, "is_symmetric": True, "quant_scheme": "min_max"}
ROW = {"bitwidth": 8, "scale": 0.0625, "offset": -128, "is_symmetric": "False", "dtype": "int"}


def aimet(**more: Any) -> dict[str, Any]:
    sections = {"activation_encodings": {"x": [ROW]}, "param_encodings": {}}
    return {"version": "0.6.1", **sections, "producer": "aimet-onnx 2.9", "excluded_layers": ["head"], **more}


def call(*args: object) -> Any:
    return CliRunner().invoke(application(), [str(one) for one in args])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(cnn(), tmp_path / "cnn.onnx")
    return tmp_path / "cnn.onnx"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "e.json").write_text(json.dumps(aimet(quantizer_args=ARGS)))
    return tmp_path / "e.json"


@pytest.mark.parametrize("second", ["0.6.1", "1.0.0", "2.0.0"])
@pytest.mark.parametrize("first", ["0.6.1", "1.0.0", "2.0.0"])
def test_what_an_aimet_file_says_beside_its_entries_stays(first: str, second: str) -> None:
    document = write(read(write(read(aimet(quantizer_args=ARGS)), first)), second)
    assert document["quantizer_args"] == ARGS
    assert document["excluded_layers"] == ["head"]
    assert document["producer"] == "aimet-onnx 2.9"
    assert write(read(document), "qnn")["param_bitwidth"] == 4


def test_qnns_default_bitwidths_get_into_aimets_files_and_back() -> None:
    given = {
        "activation_encodings": {"x": [ROW]},
        "param_encodings": {},
        "activation_bitwidth": 16,
        "bias_bitwidth": 32,
    }
    for form in ("0.6.1", "1.0.0"):
        document = write(read(given), form)
        assert document["quantizer_args"] == {"activation_bitwidth": 16, "bias_bitwidth": 32}
        back = write(read(document), "qnn")
        assert {key: back[key] for key in given if key.endswith("bitwidth")} == {
            "activation_bitwidth": 16,
            "bias_bitwidth": 32,
        }


@pytest.mark.filterwarnings("error")
def test_a_scale_beyond_float32_is_told_and_no_warning_leaks() -> None:
    found = read({"version": "2.0.0", "encodings": [{"name": "x", "output_dtype": "uint8", "y_scale": 1e39}]})
    assert "outside what float32 holds" in str(found.problems[0])


def test_json_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"activation_encodings": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(InvalidInput, match="66 deep in each other"):
        read(tmp_path / "deep.json")


MISFITS = [
    ({"activation_encodings": {}, "param_encodings": {}}, "the file has no entry"),
    (aimet(activation_encodings={"x": [{**ROW, "bitwidth": 32, "offset": 0}]}), "'x' has 32 bits"),
    (
        aimet(activation_encodings={"x": [{**ROW, "scale": 1e-30}]}, param_encodings={"w1": [{**ROW, "scale": 1e-30}]}),
        "'b1' has scale 0",
    ),
]


@pytest.mark.parametrize(("document", "told"), MISFITS)
def test_check_tells_what_quantize_refuses(document: dict[str, Any], told: str, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(document))
    refused = call("quantize", model, "--encodings", file, "-o", tmp_path / "q.onnx")
    assert isinstance(refused.exception, InvalidInput)
    checked = call("encodings", "check", file, model, "--json")
    assert checked.exit_code == 1
    assert told in json.loads(checked.stdout)["misfit"]
    assert told in call("encodings", "check", file, model).stdout
    assert not list(tmp_path.glob("q.*"))


def test_check_says_nothing_of_a_file_that_quantize_takes(file: Path, model: Path) -> None:
    checked = call("encodings", "check", file, model, "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["misfit"] is None


@pytest.mark.parametrize("victim", ["e.json", "cnn.onnx"])
def test_convert_writes_over_nothing_that_it_reads(victim: str, file: Path, model: Path, tmp_path: Path) -> None:
    before = (tmp_path / victim).read_bytes()
    told = call("encodings", "convert", file, "--model", model, "-o", tmp_path / victim)
    assert isinstance(told.exception, UsageError)
    assert "is read by this command" in str(told.exception)
    assert (tmp_path / victim).read_bytes() == before
    for form in FORMATS:
        assert call("encodings", "convert", file, "--to", form, "-o", tmp_path / "new.json").exit_code == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_model_and_its_encodings_are_both_new_or_neither(tmp_path: Path, there: bool) -> None:
    output = tmp_path / "q.onnx"
    if there:
        output.write_bytes(b"before")
    beside(output).mkdir()
    entries = Encodings((Encoding("x", "activation", "uint8", (0.5,), (0,)),))
    with pytest.raises(UsageError, match=r"q\.encodings\.json cannot be written"):
        save(cnn(), entries, output, "qnn")
    assert (output.read_bytes() if output.exists() else None) == (b"before" if there else None)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["q.encodings.json", *["q.onnx"] * there]
    beside(output).rmdir()
    save(cnn(), entries, output, "qnn")
    assert onnx.load(output) == cnn()
    assert read(beside(output)).entries == entries.entries


def test_nothing_is_renamed_before_everything_is_written(tmp_path: Path) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("before")
    with pytest.raises(NotWritten, match="b cannot be written: No space left on device"):
        write_all({first: lambda stream: stream.write(b"after"), second: full})
    assert first.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_what_stays_float_is_not_counted_as_quantized(model: Path, tmp_path: Path) -> None:
    """The value before a Relu has an entry that says float, so that the Relu stays when the file is applied."""
    wish = ("quantize", model, "-o", tmp_path / "q.onnx", "--random-calibration", "--method", "minmax", "--json")
    told = json.loads(call(*wish, "--unit", "conv1=float").stdout)
    found = read(tmp_path / "q.encodings.json").entries
    assert [one.name for one in found if one.is_float] == ["c1"]
    assert told["tensors"]["activations"] == sum(one.kind == "activation" and not one.is_float for one in found)
