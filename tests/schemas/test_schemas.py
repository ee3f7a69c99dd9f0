"""The published schemas: they are valid, they hold for real output, and they leave out nothing that is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest
from fakes import GOOD, Site
from jsonschema import Draft202012Validator, ValidationError
from planning.boards import CPU, chain, fast, planner
from small import classifier
from zif import schemas
from zif.evaluation import profiling
from zif.planning import Plan, PlanDiff, diff, plan, why
from zif.planning.changes.difference import BackendChange, CostChange, Move, Side, VerdictChange
from zif.records import CODES, Basis, EngineOperator, Kind, Said, Watts
from zif.verdicts.settle import ORDER


def closed(schema: Any) -> Any:
    """The schema with every object that lists properties closed to others."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | ({"additionalProperties": False} if "properties" in inner else {})


def check(document: Any) -> None:
    """Hold a document against its schema, closed."""
    text = json.loads(json.dumps(document))
    Draft202012Validator(closed(schemas.schema(text["schema"]))).validate(text)


@pytest.mark.parametrize("name", schemas.names())
def test_it_is_a_schema(name: str) -> None:
    schema = schemas.schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"const": f"zif.{name}/1"}
    assert schemas.schema(f"zif.{name}/1") == schema


@pytest.mark.parametrize(
    ("where", "cls"),
    [
        ("", plan.Plan),
        ("unit", plan.UnitPlan),
        ("verdict", plan.UnitVerdict),
        ("said", Said),
        ("segment", plan.Segment),
        ("transfer", plan.Transfer),
        ("score", plan.Score),
        ("predicted", plan.Predicted),
        ("memory", plan.Memory),
        ("check", plan.Check),
        ("watts", Watts),
        ("advice", plan.Advice),
        ("candidate", plan.Candidate),
        ("counterfactual", plan.Counterfactual),
    ],
)
def test_the_schema_of_a_plan_has_every_field(where: str, cls: type[Any]) -> None:
    schema = schemas.schema("plan")
    listed = set((schema["$defs"][where] if where else schema)["properties"])
    fields = {field.name for field in attrs.fields(cls)}
    if not where:
        fields = (fields - {"request"}) | {field.name for field in attrs.fields(plan.Request)} | {"schema"}
    assert listed == fields


@pytest.mark.parametrize(
    ("where", "cls"),
    [
        ("", why.Explained),
        ("unit", why.Explanation),
        ("stance", why.Stance),
        ("step", why.Step),
        ("absent", why.Absent),
    ],
)
def test_the_schema_of_an_explanation_has_every_field(where: str, cls: type[Any]) -> None:
    schema = schemas.schema("plan-explain")
    listed = set((schema["$defs"][where] if where else schema)["properties"])
    assert listed - {"schema"} == {field.name for field in attrs.fields(cls)}


def test_the_schema_of_a_difference_has_every_field() -> None:
    schema = schemas.schema("plan-diff")
    properties = schema["properties"]
    assert set(properties) == {field.name for field in attrs.fields(PlanDiff)} | {"schema", "same"}
    assert set(schema["$defs"]["side"]["properties"]) == {field.name for field in attrs.fields(Side)}
    for key, cls in (("moved", Move), ("verdicts", VerdictChange), ("costs", CostChange), ("backends", BackendChange)):
        assert set(properties[key]["items"]["properties"]) == {field.name for field in attrs.fields(cls)}


@pytest.mark.parametrize(
    ("where", "cls"),
    [
        ("", profiling.Profile),
        ("segment", profiling.SegmentProfile),
        ("backend", profiling.BackendProfile),
        ("stats", profiling.Stats),
        ("unit", profiling.UnitTime),
        ("node", profiling.NodeRow),
        ("operator", EngineOperator),
        ("suggestion", profiling.Suggestion),
        ("memory", profiling.MemoryProfile),
        ("resident", profiling.Resident),
    ],
)
def test_the_schema_of_a_profile_has_every_field(where: str, cls: type[Any]) -> None:
    schema = schemas.schema("profile")
    listed = set((schema["$defs"][where] if where else schema)["properties"])
    assert listed - {"schema", "kept", "events", "notes"} == {field.name for field in attrs.fields(cls)}


def test_the_words_are_those_of_the_records() -> None:
    verdict = schemas.schema("plan")["$defs"]["verdict"]["properties"]
    step, said = schemas.schema("plan-explain")["$defs"]["step"], schemas.schema("plan")["$defs"]["said"]
    for words in (verdict, step["properties"], said["properties"]):
        assert set(words["code"]["enum"]) == set(CODES)
        assert words["source"]["enum"] == [one.name for one in ORDER]
    assert set(verdict["basis"]["enum"]) == set(get_args(Basis))
    assert set(schemas.schema("plan")["properties"]["policy"]["enum"]) == set(plan.POLICIES)
    assert set(schemas.schema("plan")["$defs"]["segment"]["properties"]["kind"]["enum"]) == set(get_args(Kind))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("fast", OPS={"MatMul", "Relu"}, COST=1.0)
    site.add("wide", COST=100.0)
    site.add("broken", "raise RuntimeError('no luck')")
    return site


def test_what_the_commands_print_holds(site: Site, tmp_path: Path) -> None:
    model = classifier(tmp_path / "net.onnx", "N")
    wishes = ("--shape", "x=2,4", "--pin", "op:Relu=fast", "--what-if", "fast-mm", "--json")
    old = site.zif("plan", model, *wishes)
    check(old.json)
    (tmp_path / "old.json").write_text(old.out)
    (tmp_path / "new.json").write_text(site.zif("plan", model, "--only", "wide", "--json").out)
    check(site.zif("plan", "--diff", tmp_path / "old.json", tmp_path / "new.json", "--json").json)
    check(site.zif("backends", "--json").json)
    check(site.zif("run", model, "--random", "0", "--shape", "x=2,4", "--json").json)
    check(site.zif("plan", model, "--only", "fast", "--json").json)
    check(site.zif("profile", model, "--random", "0", "--shape", "x=2,4", "--runs", "2", "--json").json)
    check(site.zif("plan", model, *wishes, "--explain", "*").json)
    check(site.zif("plan", tmp_path / "none.onnx", "--json").json)
    assert json.loads(site.zif("schema", "plan").out) == schemas.schema("plan")
    assert "plan-diff" in site.zif("schema").out
    assert set(site.zif("schema", "--json").json["documents"]) == set(schemas.names())
    assert site.zif("schema", "nonsense").code == 2


def test_a_difference_of_everything_holds() -> None:
    ops = ["Relu", "Erf", "Relu"]
    one = planner(chain(ops), {"npu": fast(), "cpu": CPU}).plan()
    two = planner(chain([*ops, "Abs"]), {"npu": fast("Erf", us=3.0, version="2"), "cpu": CPU}).plan()
    found = diff(one, two)
    assert all((found.moved, found.added, found.verdicts, found.costs, found.backends, found.regressions))
    check(found.to_json())


def test_what_is_no_plan_does_not_hold() -> None:
    document = planner(chain(["Relu"]), {"cpu": CPU}).plan().to_json()
    check(document)
    for broken in ({"policy": "fastest"}, {"segments": [{}]}, {"schema": "zif.plan/2"}, {"units": None}):
        with pytest.raises(ValidationError):
            Draft202012Validator(schemas.schema("plan")).validate(document | broken)
    assert isinstance(Plan.from_json(document), Plan)


def test_what_verifying_prints(tmp_path: Path) -> None:
    from runtime.test_verification import BREAKING, JUDGE, save

    site = Site(tmp_path / "site")
    site.add("npu", GOOD + BREAKING, BROKEN="node.op_type == 'Neg'", COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    document = site.zif("verify", save(tmp_path / "m.onnx"), "--json").json
    check(document)
    assert document["segments"]


def test_environments(tmp_path: Path) -> None:
    from environments import taken_in

    site, other = Site(tmp_path / "site"), Site(tmp_path / "other")
    other.add("there", GOOD)
    taken_in(site, "vendor", other)
    for command in (["ls"], ["doctor"], ["rm", "vendor"]):
        done = site.zif("env", *command, "--json")
        assert done.code == 0, done.err
        check(done.json)
