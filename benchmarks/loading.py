"""What `Model.load` costs, here and in another environment, in one run: `loading.py MODEL... --python PYTHON`.

Rounds alternate between the environments; each is a process that loads every model some times and keeps the least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

_CHILD = """
import json, sys, time
from zif.model import Model
timings = {}
for path in sys.argv[2:]:
    times = []
    for _ in range(int(sys.argv[1])):
        begun = time.process_time()
        Model.load(path)
        times.append(time.process_time() - begun)
    timings[path] = min(times)
print(json.dumps(timings))
"""


def main() -> int:
    """Print ms by model and environment, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--python", help="of the other environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loads", type=int, default=5, help="in each process")
    options = parser.parse_args()
    pythons = [sys.executable, *([options.python] if options.python else [])]
    timings: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for python in pythons:
            for path, seconds in _loaded(python, options.loads, options.models).items():
                timings.setdefault((python, path), []).append(seconds)
    for path in options.models:
        here, *others = (statistics.median(timings[python, path]) * 1e3 for python in pythons)
        ratio = "".join(f", the other {other:.2f} ms, ratio {here / other:.2f}" for other in others)
        print(f"{path}: {here:.2f} ms{ratio}")
    return 0


def _loaded(python: str, loads: int, models: list[str]) -> dict[str, float]:
    command = [python, "-c", _CHILD, str(loads), *models]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    raise SystemExit(main())
