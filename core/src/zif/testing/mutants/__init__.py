"""Backends that are broken on purpose, to see the kit find it: each is the honest one with some lines laid over it.

python -m zif.testing.mutants FOLDER       # writes them, and prints how each is checked
PYTHONPATH=FOLDER zif check mutates_its_input -k test_inputs_are_left_untouched
"""

from __future__ import annotations

from pathlib import Path

from zif.testing.mutants.honest import HONEST
from zif.testing.mutants.manners import THIRD
from zif.testing.mutants.numbers import FIRST
from zif.testing.mutants.record import Mutant
from zif.testing.mutants.stages import SECOND

MUTANTS: tuple[Mutant, ...] = (*FIRST, *SECOND, *THIRD)


def install(folder: Path) -> None:
    """Write all of them, and the honest one, as one distribution into a folder that can stand on PYTHONPATH."""
    info = folder / "zif_mutants-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zif-mutants\nVersion: 1.0\n")
    names = ["honest", *(mutant.name for mutant in MUTANTS)]
    (info / "entry_points.txt").write_text("[zif.backends]\n" + "".join(f"{n} = zif_mutant_{n}\n" for n in names))
    (folder / "zif_mutant_honest.py").write_text(HONEST)
    for mutant in MUTANTS:
        (folder / f"zif_mutant_{mutant.name}.py").write_text(HONEST + mutant.source)


__all__ = ["HONEST", "MUTANTS", "Mutant", "install"]
