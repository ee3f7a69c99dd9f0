"""Makes `observed.json`: runs ONNX's node tests and a few more on this backend, keeps what it got wrong as rules.

python -m tools.tables.qnn_cpu [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import zif
import zif_qnn_cpu
from zif.testing.learning import learn
from zif.testing.nodetests import node_tests, observe
from zif.verdicts import observed
from zif_qnn_cpu.engine import ENGINE
from zif_qnn_cpu.verdicts import promises

from tools.tables.qnn_cpu_tests import further_tests


def main(arguments: list[str]) -> int:
    """Write the table to the file that is named, or to the one that this package ships."""
    path = Path(arguments[0]) if arguments else Path(zif_qnn_cpu.__file__).with_name("observed.json")
    tests = [*node_tests(), *further_tests()]
    cases = list(observe(zif.backend("qnn_cpu"), zif.target("host"), tests, promises))
    table = learn(cases, ENGINE, f"the node tests of onnx {onnx.__version__} and further ones")
    observed.save(table, path)
    wrong = sum(case.outcome != "right" for case in cases)
    print(f"{path}: {len(table.rules)} rules from {len(cases)} tests, {wrong} of them not right", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
