"""How long it takes to come up: `import zif`, `zif --help`, `zif.installed()`, each in a fresh interpreter.

The aims: `import zif` under 100 ms, `zif --help` under 200 ms, both with the interpreter's own start taken off.
python benchmarks/imports.py [RUNS] [PYTHON]: PYTHON is another interpreter, such as that of an older checkout, which is
measured in the same turns.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

WORDS = {
    "python -c pass": ["-c", "pass"],
    "import zif": ["-c", "import zif"],
    "import zif; every public name": ["-c", "import zif; [getattr(zif, name) for name in zif.__all__]"],
    "zif.installed()": ["-c", "import zif; zif.installed()"],
    "zif --help": ["-m", "zif", "--help"],
    "zif --version": ["-m", "zif", "--version"],
}
HEAVY = ("numpy", "onnx", "scipy", "onnxruntime", "rich", "pluggy", "jinja2", "typer")


def once(words: list[str], python: str = sys.executable) -> float:
    start = time.perf_counter()
    subprocess.run([python, *words], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def heavy(words: list[str]) -> str:
    """Which of the heavy libraries the interpreter has imported by the end."""
    code = words[1] if words[0] == "-c" else "import zif.cli, sys; zif.cli.run(sys.argv[1:])"
    tail = f"\nimport sys; print(*(n for n in {HEAVY!r} if n in sys.modules), file=sys.stderr)"
    rest = words[2:] if words[0] == "-m" else []
    done = subprocess.run([sys.executable, "-c", code + tail, *rest], capture_output=True, text=True, check=True)
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "none"


def main(runs: int, other: str = "") -> None:
    """Turns of all, so that a busy machine is unfair to none; the least of each is what it costs."""
    taken: dict[str, list[float]] = {name: [] for name in WORDS}
    beside: dict[str, list[float]] = {name: [] for name in WORDS}
    for _ in range(runs):
        for name, words in WORDS.items():
            taken[name].append(once(words))
            if other:
                beside[name].append(once(words, other))
    bare = min(taken["python -c pass"])
    print(f"{'ms, least of ' + str(runs):<32} {'all':>7} {'zif':>7} {'median':>8}  imports of {', '.join(HEAVY)}")
    for name, words in WORDS.items():
        least = min(taken[name])
        print(f"{name:<32} {least:7.0f} {least - bare:7.0f} {statistics.median(taken[name]):8.0f}  {heavy(words)}")
    if other:
        print(f"{'least here / least of ' + other}")
        for name in WORDS:
            print(f"{name:<32} {min(taken[name]) / min(beside[name]):7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, *sys.argv[2:3])
