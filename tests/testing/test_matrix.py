"""The support matrix: of records, and of a run of the kit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator, ValidationError
from zif import schemas
from zif.testing.matrix import WORDS, Cell, Column, Matrix, of_records
from zif.testing.matrix_pages import html, markdown
from zif.testing.mutants import install


def record(backend: str, *endings: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"distribution": f"zif-{backend}", "version": "1.0", "toolchain": "engine 1", "kind": "hardware"}
    rest = {"target": "host", "available": True, "reason": "", "tests": {}, "observed": list(endings)}
    return {"backend": backend, **about, **rest, **more}


def ended(operator: str, outcome: str, dtype: str = "float32", why: str = "", kept_off: bool = False) -> dict[str, Any]:
    return {"operator": operator, "outcome": outcome, "dtype": dtype, "why": why, "kept_off": kept_off}


RECORDS = [
    record(
        "one",
        ended("Relu", "right"),
        ended("Relu", "right", "float16"),
        ended("Cast", "right"),
        ended("Cast", "not claimed", "float64", "it was seen to be wrong | there", kept_off=True),
        ended("Mod", "not claimed", "int8", "no such operator"),
        ended("Tanh", "not claimed", why="not in this type"),
        ended("Tanh", "imprecise", why="output 'y':\n<1 of 2> is off"),
    ),
    record("two", available=False, reason="no device here", tests={"test_numbers.py::test_operator[Relu]": {}}),
]


def test_the_words_of_a_cell() -> None:
    made = of_records(RECORDS, 0)
    words = {(cell.operator, cell.dtype): cell.word for cell in made.cells if cell.backend == "one"}
    assert words == {
        ("Relu", "float32"): "right",
        ("Relu", "float16"): "right",
        ("Cast", "float32"): "right",
        ("Cast", "float64"): "wrong (kept off)",
        ("Mod", "int8"): "refused",
        ("Tanh", "float32"): "wrong",
    }
    assert made.counts(made.columns[0]) == {"right": 3, "refused": 2, "wrong (kept off)": 1, "wrong": 1}
    assert made.counts(made.columns[1]) == {"not tried": 1}


def test_the_document_fits_its_schema() -> None:
    document = json.loads(json.dumps(of_records(RECORDS, 3).to_json()))
    schema = schemas.schema(document["schema"])
    Draft202012Validator(schema).validate(document)
    document["cells"][0]["word"] = "fine"
    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate(document)


def test_the_schema_has_every_field_and_word() -> None:
    schema = schemas.schema("matrix")
    parts = schema["$defs"]
    assert set(schema["properties"]) == {field.name for field in attrs.fields(Matrix)} | {"schema"}
    assert set(parts["column"]["properties"]) == {field.name for field in attrs.fields(Column)} | {"counts"}
    assert set(parts["cell"]["properties"]) == {field.name for field in attrs.fields(Cell)} | {"word"}
    assert tuple(parts["word"]["enum"]) == WORDS
    assert all(set(part["required"]) == set(part["properties"]) for part in (schema, parts["column"], parts["cell"]))


def test_the_page_in_markdown() -> None:
    text = markdown(of_records(RECORDS, 3))
    assert "at most 3 of each operator" in text
    assert "- two: zif-two 1.0, engine 1, hardware: 1 not tried (no device here)" in text
    assert "| Relu | ✓ 2/2 |  |" in text
    assert "| Mod | – |  |" in text
    assert text.endswith("Wrong, and not kept off:\n\n- Tanh of float32 on one: output 'y': &lt;1 of 2> is off\n")
    assert "not kept off" not in markdown(of_records(RECORDS[1:], 0))
    assert "| Cast | 1/2: ✓ float32; ✗ kept off float64 |  |" in text


def test_the_page_in_html_lets_no_text_out() -> None:
    evil = record("one", ended("Relu", "not claimed", why="<script>alert(1)</script>"))
    text = html(of_records([evil], 0))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    HTMLParser().feed(text)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matrix")
    install(folder)
    return folder


def check(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "zif", "check", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=site)


def test_a_run_writes_its_matrix(site: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"matrix.{form}" for form in ("json", "md", "html")]
    flags = [word for file in files for word in ("--save-matrix", str(file))]
    done = check(site, "honest", "-k", "test_operator and (Tanh or Mod)", *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    made = json.loads(files[0].read_text())
    Draft202012Validator(schemas.schema(made["schema"])).validate(made)
    words = {(cell["operator"], cell["dtype"]): cell["word"] for cell in made["cells"]}
    assert words["Tanh", "float32"] == "right"
    assert words["Mod", "int64"] == "refused"
    assert [column["backend"] for column in made["columns"]] == ["honest"]
    assert "| Tanh | ✓" in files[1].read_text()
    assert "<th>Tanh</th>" in files[2].read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one backend"),
        (("honest", "--all"), "name one backend"),
        (("honest", "-t", "host", "-t", "sa8255p"), "several --target go with --all"),
        (("--all", "--save"), "--save is about one backend"),
        (("honest", "--save-matrix", "page.pdf"), "must end in .json, .md or .html"),
        (("honest", "--deadline", "compil=1m"), "Did you mean 'compile'"),
    ],
)
def test_calls_that_cannot_be(site: Path, words: tuple[str, ...], said: str) -> None:
    done = check(site, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
