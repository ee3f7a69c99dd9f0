"""The page of what runs where, from the outcomes of `zif check`.

    zif check NAME -t TARGET --outcome out/check/NAME.json    # one for each backend; `make check` does so
    python -m tools.matrix out/check/*.json > docs/matrix.md

One run of the kit serves for both: whether a backend passes, and what it can do. Each backend stands there for the
target that it was checked for, and says which in its column.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from zif.testing.matrix import of_records
from zif.testing.matrix_pages import markdown

ROOT = Path(__file__).resolve().parents[1]


def page(outcomes: Sequence[Path], commit: str) -> str:
    """The page as markdown, with the line that says what printed it.

    Raises OSError, and ValueError for a file that is none.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in outcomes]
    for path, record in zip(outcomes, records, strict=True):
        if record.get("schema") != "zif.check/1":
            raise ValueError(f"{path} is no outcome of `zif check`")
    sample = min(record.get("sample", 0) for record in records)
    return f"{markdown(of_records(records, sample))}\nFigures: `make check matrix`, at {commit}.\n"


def head() -> str:
    """The commit that is checked out, in seven digits."""
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main(words: Sequence[str] | None = None) -> int:
    """Print the page; 2 for files that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description="Print docs/matrix.md.")
    parser.add_argument("outcomes", type=Path, nargs="+", metavar="OUTCOME.json", help="of `zif check --outcome`")
    parser.add_argument("--commit", default="", help="that the outcomes are of; default: the one checked out")
    arguments = parser.parse_args(words)
    try:
        sys.stdout.write(page(arguments.outcomes, arguments.commit or head()))
    except (OSError, ValueError) as error:
        print(f"tools.matrix: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
