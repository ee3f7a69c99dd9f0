"""What is written once stays so: who needs it takes it from where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [file for pattern in ("core/src", "plugins/*/src") for file in ROOT.glob(f"{pattern}/**/*.py")]

#: What it is, how a second copy of it looks, and the files that may look like that.
ONCE = {
    "zif.files.wording.did_you_mean": (r"get_close_matches|difflib", {"wording.py"}),
    "zif.files.wording.listed": (r"' …' if|\" …\" if|len\(\w+\) - \d+\} more", {"entry.py"}),
    "zif.files.wording.parsed_size": (r"\[kmgt?\]|\[KMGT?\]", {"wording.py"}),
    "zif.files.wording.json_text": (r"ensure_ascii=False", {"wording.py", "documents.py"}),
    "zif.files.wording.csv_cell": (r"csv\.writer\((?!.*csv_cell)", {"candidate.py"}),
    "zif.files.wording.printable": (r"isprintable", {"wording.py"}),
    "zif.files.writing.write_whole": (r"mkstemp|NamedTemporaryFile|\.tmp\"\)", set()),
    "zif.files.leftovers.private_folder": (r"TemporaryDirectory\(|mkdtemp\(", {"ranges.py", "profile.py"}),
    "zif.model.attributes.attribute": (
        r"\w+\.(i|f|s|ints|floats|strings)\b[^\n]* for \w+ in [\w.]+\.attribute\b",
        {"references.py"},  # looks for attributes that stand twice
    ),
}


@pytest.mark.parametrize("name", ONCE)
def test_nobody_writes_it_again(name: str) -> None:
    pattern, allowed = ONCE[name]
    found = [file for file in SOURCES if re.search(pattern, file.read_text(encoding="utf-8"))]
    assert [str(file.relative_to(ROOT)) for file in found if file.name not in allowed] == []
    assert {file.name for file in found} >= allowed
