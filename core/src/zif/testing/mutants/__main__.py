"""`python -m zif.testing.mutants FOLDER`: write the mutants into a new folder, and say how each is checked."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from zif.testing.mutants import MUTANTS, install


def main(words: list[str]) -> int:
    """The command. Exit code 2 for a call that is no such, or a folder that is there."""
    if len(words) != 1 or Path(words[0]).exists():
        print("usage: python -m zif.testing.mutants FOLDER, where FOLDER is not there yet", file=sys.stderr)
        return 2
    install(Path(words[0]))
    for mutant in MUTANTS:
        flags = shlex.join([mutant.name, "-k", mutant.caught_by, *mutant.flags])
        print(f"PYTHONPATH={shlex.quote(words[0])} zif check {flags}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
