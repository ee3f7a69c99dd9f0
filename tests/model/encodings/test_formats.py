"""What vendors call the formats of encodings: names from data files, found by metadata, and told when wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zif
from fakes import Site, metadata
from zif.errors import UsageError
from zif.files import distribution_data
from zif.model.encodings import formats
from zif.model.encodings.reading import read
from zif.model.encodings.record import Encoding, Encodings
from zif.model.encodings.writing import write

Bring = Callable[[str, Any], None]
ENTRIES = Encodings((Encoding("x", "activation", "uint8", (0.5,), (3,)),), defaults={"activation": 8})


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Installs a distribution with names of formats; none but these are found."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr("sys.path", [str(site)])
    distribution_data._data_files.cache_clear()

    def install(distribution: str, content: Any) -> None:
        package = site / distribution.replace("-", "_")
        package.mkdir()
        (package / "names.json").write_text(content if isinstance(content, str) else json.dumps(content))
        points = f"[zif.encodings]\nacme = {package.name}:names.json\n"
        (metadata(site, distribution, "1.0") / "entry_points.txt").write_text(points)
        distribution_data._data_files.cache_clear()  # the folder may have changed twice within the clock's step

    return install


def named(**names: str) -> dict[str, Any]:
    return {"schema": "zif.encodings-formats/1", "formats": names}


def test_without_a_vendor_formats_have_their_own_names(bring: Bring) -> None:
    assert formats.FORMATS == ("overrides", "0.6.1", "1.0.0", "2.0.0")
    assert read(write(ENTRIES)).format == "overrides"
    with pytest.raises(UsageError, match="unknown format 'qnn'; known: overrides, 0.6.1, 1.0.0, 2.0.0"):
        write(ENTRIES, "qnn")
    with pytest.raises(UsageError, match="convention 'qnn': must be zero_point or overrides"):
        zif.validate_quantization_range([1.0], 0.5, 0, convention="qnn")


def test_a_vendors_name_is_taken_and_shown(bring: Bring) -> None:
    bring("acme-npu", named(acme="overrides"))
    assert formats.FORMATS == ("acme", "0.6.1", "1.0.0", "2.0.0")
    assert write(ENTRIES, "acme") == write(ENTRIES, "overrides") == write(ENTRIES)
    assert read(write(ENTRIES, "acme")).format == "acme"
    own = zif.validate_quantization_range([1.0], 0.5, 3)
    assert zif.validate_quantization_range([1.0], 0.5, -3, convention="acme") == own


def test_of_two_vendors_none_is_shown_and_both_are_taken(bring: Bring) -> None:
    bring("acme-npu", named(acme="overrides"))
    bring("best-npu", named(best="overrides", plain="2.0.0"))
    assert formats.FORMATS == ("overrides", "0.6.1", "1.0.0", "plain")
    assert write(ENTRIES, "acme") == write(ENTRIES, "best")
    assert write(ENTRIES, "plain")["version"] == "2.0.0"
    own = zif.validate_quantization_range([1.0], 0.5, 3)
    assert zif.validate_quantization_range([1.0], 0.5, 3, convention="plain") == own
    assert formats.problems() == ()


def test_of_two_that_mean_different_things_by_a_name_the_first_counts_and_the_other_is_told(bring: Bring) -> None:
    bring("acme-npu", named(ours="overrides"))
    bring("best-npu", named(ours="2.0.0"))
    assert formats.format_of("ours") == "overrides"
    (problem,) = formats.problems()
    assert problem.distribution == "best-npu"
    assert "'ours', too, which is overrides of another distribution" in problem.text


@pytest.mark.parametrize(
    "content",
    [
        "{",
        [1],
        {"formats": {"acme": "overrides"}},
        {"schema": "zif.encodings-formats/1"},
        named(acme="3.0.0"),
        {"schema": "zif.encodings-formats/1", "formats": {"acme": ["overrides"]}},
        {**named(), "formats": {"2.0.0": "overrides"}},
    ],
    ids=str,
)
def test_a_wrong_file_is_a_problem_and_the_others_count(bring: Bring, content: Any) -> None:
    bring("acme-npu", content)
    bring("best-npu", named(best="overrides"))
    (problem,) = formats.problems()
    assert problem.distribution == "acme-npu"
    assert formats.FORMATS == ("best", "0.6.1", "1.0.0", "2.0.0")


def test_the_commands_tell_a_wrong_file(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    (site.folder / "acme").mkdir()
    (site.folder / "acme" / "names.json").write_text("[]")
    points = "[zif.encodings]\nacme = acme:names.json\n"
    (metadata(site.folder, "acme-npu", "1.0") / "entry_points.txt").write_text(points)
    ran = site.zif("targets")
    assert ran.code == 0
    assert "acme-npu" in ran.out + ran.err
    assert "names of formats" in ran.out + ran.err
