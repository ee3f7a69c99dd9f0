"""`zif bundle inspect` on EPContext models and model packages of others: read, never loaded, never followed out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from fakes import Site
from jsonschema import Draft202012Validator
from onnx import TensorProto, helper
from zif import schemas

SAID = "v2:6:2.51.0:5.51.0:75:57:8:0"


def context(path: Path, **attributes: Any) -> Path:
    """A model with a compiled part between an operator and its output."""
    told = {"main_context": 1, "embed_mode": 0, "ep_cache_context": "part.bin", "source": "SomeProvider"} | attributes
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "relu"),
        helper.make_node("EPContext", ["a"], ["y"], "part", domain="com.microsoft", **told),
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, {"ep_compatibility_info.SomeProvider": SAID})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def inspected(site: Site, path: Path) -> dict[str, Any]:
    done = site.zif("bundle", "inspect", path, "--json")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    Draft202012Validator(schemas.schema("context")).validate(document)
    return document


def test_a_model_says_what_is_compiled_in_it(site: Site, tmp_path: Path) -> None:
    model = context(tmp_path / "m.onnx")
    (tmp_path / "part.bin").write_bytes(b"12345")
    (row,) = inspected(site, model)["variants"]
    assert row["model"]["compatibility"] == {"SomeProvider": SAID}
    (part,) = row["model"]["contexts"]
    assert (part["provider"], part["file"], part["bytes"], part["embedded"]) == ("SomeProvider", "part.bin", 5, False)
    (tmp_path / "part.bin").unlink()
    assert inspected(site, model)["variants"][0]["model"]["contexts"][0]["bytes"] is None
    assert "missing" in site.zif("bundle", "inspect", model).out


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link"])
def test_a_name_that_leads_elsewhere_is_not_followed(site: Site, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"1234")
    model = context(tmp_path / "in" / "m.onnx", ep_cache_context=name)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    assert inspected(site, model)["variants"][0]["model"]["contexts"][0]["bytes"] is None


def test_what_is_embedded_is_measured(site: Site, tmp_path: Path) -> None:
    model = context(tmp_path / "m.onnx", embed_mode=1, ep_cache_context=b"\xff\x00\x80")
    (part,) = inspected(site, model)["variants"][0]["model"]["contexts"]
    assert (part["embedded"], part["bytes"]) == (True, 3)


def test_a_package_says_its_variants(site: Site, tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    context(package / "model" / "a" / "m.onnx")
    told = {"ep": "SomeProvider", "compatibility_string": SAID, "executor_info": {"ort": {"model_file": "m.onnx"}}}
    (package / "manifest.json").write_text(json.dumps({"schema_version": "1.0", "components": {"model": "model"}}))
    component = package / "model" / "component.json"
    component.write_text(json.dumps({"variants": {"a": told, "b": told}}))
    document = inspected(site, package)
    assert [(row["variant"], row["model"] is not None) for row in document["variants"]] == [("a", True), ("b", False)]
    assert "a: 1 parts compiled, 1 nodes as ONNX" in site.zif("bundle", "inspect", package).out
    wrong: list[Any] = [[], {"variants": []}, {"variants": {"a": 5}}, {"variants": {"a": {"executor_info": []}}}]
    for text in (*wrong, {"variants": {"a": told | {"variant_directory": "../../.."}}}):
        component.write_text(json.dumps(text))
        assert site.zif("bundle", "inspect", package).code == 2, text


def test_what_is_none_of_these_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    assert site.zif("bundle", "inspect", tmp_path / "text.onnx").code == 2
    assert site.zif("bundle", "inspect", tmp_path / "nowhere").code == 2
