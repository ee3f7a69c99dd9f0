"""Tables of sweeps: both formats hold the same, two are held against each other, and one is counted in advance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve
from fakes import Site
from jsonschema import Draft202012Validator
from sweeping import table
from zif import UsageError, schemas
from zif_sweep import Row, changes, estimate, read_rows
from zif_sweep.cells import Cell, Subject
from zif_sweep.costs import Scale
from zif_sweep.difference import thresholds
from zif_sweep.rows import Part, Refusal
from zif_sweep.table import Journal, write_rows

parquet = pytest.mark.needs("pyarrow")


def row(model: str = "net", target: str = "chip", stage: str = "plan", **figures: object) -> Row:
    base = Row("key", model, "digest", target, "float", stage, "ok", made="as it is", seconds=2.0)
    return evolve(base, **figures)  # type: ignore[arg-type]


FULL = row(
    latency_us=12.5,
    units=3,
    bytes=4096,
    coverage=0.5,
    emulated=True,
    backends=("a", "b"),
    notes=("a note",),
    parts=(Part("a", "", 2, 10.0, "Conv × 2"),),
    refusals=(Refusal("a", "op", "does not have TopK", 1),),
)


@parquet
def test_parquet_and_json_lines_hold_the_same(tmp_path: Path) -> None:
    rows = [FULL, row("other", state="failed", reason="why not", error="StageFailed")]
    for name in ("t.jsonl", "t.parquet"):
        write_rows(tmp_path / name, rows)
        assert read_rows(tmp_path / name) == {one.place: one for one in rows}


@parquet
def test_a_sweep_in_parquet_goes_on_and_is_one_file_in_the_end(site: Site, room: Path) -> None:
    import pyarrow.parquet

    words = ("models", "-t", "host", "-o", "t.parquet", "--json")
    first = site.zif("sweep", *words, cwd=room)
    assert first.code == 0, first.err
    assert site.zif("sweep", *words, cwd=room).json["done"] == 0
    assert site.zif("sweep", *words, "--precision", "float,w8a8", cwd=room).json["done"] == 2
    columns = pyarrow.parquet.read_table(room / "t.parquet").to_pydict()
    assert sorted(columns["model"]) == ["one", "one", "two", "two"]
    assert all(us > 0 for us in columns["latency_us"])
    assert [path.name for path in room.glob("*t.parquet*")] == ["t.parquet"]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "t.jsonl").write_bytes(b'{"schema": "zif.sweep-row/1", "key": 3}\n')
    for name in ("t.parquet", "t.jsonl"):
        with pytest.raises(UsageError, match=name):
            read_rows(tmp_path / name)


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_rows(path, [FULL])
    with path.open("ab") as torn:
        torn.write(b'{"schema": "zif.sweep-row/1", "ke')
    journal = Journal(path)
    assert list(journal.rows.values()) == [FULL]
    journal.add(row("other"))
    journal.close()
    assert [one["model"] for one in table(path)] == ["net", "other"]


OLD = [row(latency_us=100.0, coverage=1.0), row("gone", latency_us=1.0), row("x", stage="eval", accuracy=0.9)]


def test_what_got_worse_is_told_first_and_by_its_threshold() -> None:
    new = [row(latency_us=107.0, coverage=0.999), row("x", stage="eval", accuracy=0.85), row("new", latency_us=1.0)]
    found = changes(OLD, new)
    words = {(one.model, one.figure): one.word for one in found}
    assert words == {
        ("net", "latency"): "worse",
        ("net", "coverage"): "same",
        ("x", "accuracy"): "worse",
        ("gone", "state"): "gone",
        ("new", "state"): "new",
    }
    assert found[0].word == found[1].word == "worse"
    lenient = changes(OLD, new, thresholds(["latency=8%", "accuracy=6%"]))
    assert not [one for one in lenient if one.word == "worse"]


def test_a_new_failure_is_worse_and_a_mended_one_better() -> None:
    failed = row(state="failed", reason="broke")
    assert [(one.word, one.told) for one in changes([OLD[0]], [failed])] == [("worse", "broke")]
    assert [one.word for one in changes([failed], [OLD[0]])] == ["better"]


def test_the_command_holds_two_tables_against_each_other(site: Site, tmp_path: Path) -> None:
    write_rows(tmp_path / "old.jsonl", OLD)
    worse = [evolve(one, latency_us=one.latency_us * 1.2 if one.latency_us else None) for one in OLD]
    write_rows(tmp_path / "new.jsonl", worse)
    words = ("sweep", "new.jsonl", "--diff", "old.jsonl")
    told = site.zif(*words, "--json", cwd=tmp_path)
    assert told.code == 1
    Draft202012Validator(schemas.schema("sweep-diff")).validate(told.json)
    assert told.json["worse"] == 2
    assert site.zif(*words, "--threshold", "25%", cwd=tmp_path).code == 0
    markdown = site.zif(*words, "--markdown", cwd=tmp_path)
    assert markdown.code == 1
    assert "| worse | net | chip | float | plan | latency | 100 µs | 120 µs | +20.0 % |" in markdown.out
    shown = site.zif(*words, "--html", "page.html", cwd=tmp_path)
    assert "2 worse" in shown.out
    assert "</html>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    same = site.zif("sweep", "old.jsonl", "--diff", "old.jsonl", cwd=tmp_path)
    assert same.code == 0
    assert site.zif(*words, "--threshold", "speed=5%", cwd=tmp_path).code == 2


def test_markdown_of_a_strangers_name_is_text(tmp_path: Path) -> None:
    from zif_sweep.markdown import of_changes

    evil = "a|b`c`<img>\n# head"
    text = of_changes(changes([row(evil, latency_us=1.0)], [row(evil, latency_us=2.0)]))
    (line,) = [line for line in text.splitlines() if "worse |" in line]
    assert "a\\|b\\`c\\`\\<img\\> \\# head" in line


def cells(models: int, stages: tuple[str, ...]) -> list[Cell]:
    subjects = [Subject(f"net-{number}", {"": "x"}) for number in range(models)]
    return [Cell(one, target, "float", stage) for one in subjects for target in ("a", "b") for stage in stages]


def test_an_estimate_is_the_sum_of_measured_cells() -> None:
    measured = [row("net-0", stage="plan", seconds=2.0), row("net-1", stage="plan", seconds=4.0)]
    measured += [row("net-0", stage="compile", seconds=10.0, bytes=1000)]
    found = estimate(cells(3, ("plan", "compile")), measured, workers=2)
    assert found.cells == 12
    seconds = 2 * (2 + 4 + 3) + 6 * 10  # the third model has the mean of its stage
    assert found.hours == pytest.approx(seconds / 3600)
    assert found.wall_hours == pytest.approx(seconds / 7200)
    assert found.store_bytes == 6000
    large = estimate(cells(3, ("plan", "compile")), measured, Scale(300, 40, 4))
    assert large.cells == 96_000
    assert {one.what for one in large.limits} >= {"the scheduler", "the shared cache", "the page"}


def test_the_command_estimates_and_does_nothing(site: Site, room: Path) -> None:
    words = ("sweep", "models", "-t", "host", "--stage", "plan,compile", "-o", "t.jsonl")
    told = site.zif(*words, "--estimate", "--scale", "300x40x4", "--json", cwd=room)
    assert told.code == 0, told.err
    Draft202012Validator(schemas.schema("sweep-estimate")).validate(told.json)
    assert told.json["cells"] == 96_000
    assert not (room / "t.jsonl").exists()
    site.zif(*words, cwd=room)
    measured = site.zif(*words, "--estimate", "--json", cwd=room).json
    assert measured["costs"] == "t.jsonl"
    assert all(one["measured"] == 2 for one in measured["stages"])
    spent = sum(one["seconds"] for one in table(room / "t.jsonl"))
    assert measured["hours"] == pytest.approx(spent / 3600, rel=0.01)
    assert "hours of one worker" in site.zif(*words, "--estimate", cwd=room).out


def test_every_field_of_a_row_is_in_its_schema() -> None:
    import attrs

    schema = schemas.schema("sweep-row")
    assert set(schema["properties"]) == {one.name for one in attrs.fields(Row)} | {"schema"}
    Draft202012Validator({**schema, "additionalProperties": False}).validate(json.loads(json.dumps(FULL.to_json())))


@parquet
def test_a_short_file_of_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row a hundred thousand times takes some kilobytes, and gigabytes as records."""
    import pyarrow
    from pyarrow.parquet import write_table
    from zif_sweep.parquet import content

    (tmp_path / "one.parquet").write_bytes(content([row()]))
    table = pyarrow.parquet.read_table(tmp_path / "one.parquet")
    write_table(pyarrow.concat_tables([table] * 1000), tmp_path / "t.parquet")
    assert len(read_rows(tmp_path / "t.parquet")) == 1
    monkeypatch.setenv("ZIF_MAX_VALUES", "10000")
    with pytest.raises(UsageError, match="ZIF_MAX_VALUES"):
        read_rows(tmp_path / "t.parquet")


@parquet
@pytest.mark.parametrize("harm", [b"", b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"PAR1" + bytes(200) + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, harm: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(harm)
    with pytest.raises(UsageError, match="is no table of a sweep"):
        read_rows(tmp_path / "t.parquet")
