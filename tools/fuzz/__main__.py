"""`make fuzz`, or `python -m tools.fuzz`: run the campaigns, or one case again; what is bad is told and made small."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from random import Random, SystemRandom

from tools.fuzz import corpus, faults
from tools.fuzz.campaigns import CAMPAIGNS
from tools.fuzz.material import Material
from tools.fuzz.minimise import minimised
from tools.fuzz.runner import Outcome, Runner, running, signature
from tools.fuzz.world import Case

#: Every so-manieth case goes through the command itself, with its own start.
BY_COMMAND = 50
#: How often a campaign tries to make one case smaller; `CASE=` tries longer.
TRIES = 40
#: Campaigns whose cases may share a process: they bring nothing of the user's own, which zif reads once per process.
BESIDE = ("models", "bundles", "inputs", "documents")
#: Those that need a start of their own: what is installed is read once per process.
ALONE = ("plugins",)
#: After so many cases the counters so far are told on stderr: hours end in many ways.
TELL = 500


def main() -> int:
    """Exit 1 when a case was bad."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the cases; a fresh one otherwise, which is printed")
    parser.add_argument(
        "--case", type=int, help="only this one, with what it said and what of it is left when made small"
    )
    parser.add_argument("--count", type=int, help="so many cases")
    parser.add_argument("--minutes", type=float, help="for so long")
    parser.add_argument("--campaign", choices=tuple(CAMPAIGNS), help="only this one")
    parser.add_argument("--faults", action="store_true", help="valid files, and a machine that fails")
    parser.add_argument("--save", type=Path, help="write the bad cases, made small, into this folder")
    options = parser.parse_args()
    seed = SystemRandom().randrange(10**9) if options.seed is None else options.seed
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        running(Path(folder)) as runner,
    ):
        material = Material(runner)
        if options.faults:
            with running(Path(folder), warm=False) as cold:
                return failing(runner, cold, material, seed, options.case)
        if options.case is not None:
            return show(runner, drawn(material, seed, options.case, options.campaign)[1], options.save)
        print(f"seed {seed}", flush=True)
        numbers = bounded(options.count, options.minutes)
        return campaign(runner, material, seed, numbers, options.campaign, options.save)


def bounded(count: int | None, minutes: float | None) -> Iterator[int]:
    """The numbers of cases until there are enough."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    limit = count if count is not None or minutes else 1000
    for number in itertools.count():
        if (limit is not None and number >= limit) or time.monotonic() > end:
            return
        yield number


def drawn(material: Material, seed: int, number: int, only: str | None) -> tuple[str, Case]:
    """The case of a number, and its campaign."""
    rng = Random(f"{seed}/{number}")
    names = [only] if only else list(CAMPAIGNS)
    name = rng.choices(names, [CAMPAIGNS[name][1] for name in names])[0]
    return name, CAMPAIGNS[name][0](rng, material)


def campaign(
    runner: Runner, material: Material, seed: int, numbers: Iterator[int], only: str | None, save: Path | None
) -> int:
    """Run cases and print the counters; each kind of bad is told once, made small."""
    counters: Counter[tuple[str, str]] = Counter()
    known: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):  # what was counted is told
        for number in numbers:
            name, case = drawn(material, seed, number, only)
            run = runner.run_beside if name in BESIDE and not case.environment else runner.run
            by_command = name in ALONE or number % BY_COMMAND == BY_COMMAND - 1
            outcome = runner.run_command(case) if by_command else run(case)
            counters[name, outcome.kind] += 1
            if number % TELL == TELL - 1:
                print(table(counters), file=sys.stderr, flush=True)
            if outcome.kind == "bad":
                kind = signature(runner, case, outcome)
                known[kind] += 1
                if known[kind] == 1:
                    again = f"make fuzz SEED={seed} CASE={number}" + (f" CAMPAIGN={only}" if only else "")
                    print(f"bad: {kind}\n  {' '.join(case.arguments)}\n  {again}", flush=True)
                    if save:
                        keep(runner, case, kind, save / f"{seed}-{number}.json", TRIES)
    for kind, count in known.most_common():
        print(f"{count} × {kind}")
    print(table(counters))
    return 1 if known else 0


def failing(runner: Runner, cold: Runner, material: Material, seed: int, only: int | None) -> int:
    """Run every command while the machine fails in every way; every bad one is told.

    cold: for what is to be met by the imports of a command, too.
    """
    print(f"seed {seed}", flush=True)
    counters: Counter[tuple[str, str]] = Counter()
    by_command: Counter[tuple[str, str]] = Counter()
    for number, (kind, name, amount) in enumerate(faults.every(seed)):
        if only is not None and number != only:
            continue
        case = faults.COMMANDS[name](material)
        outcome = faults.tried(cold if kind in faults.COLD else runner, faults.Fault(kind, amount), case)
        counters[kind, outcome.kind] += 1
        if number % 40 == 39:
            print(table(counters, "fault", faults.FAULTS), file=sys.stderr, flush=True)
        by_command[name, outcome.kind] += 1
        if outcome.kind == "bad":
            print(f"bad: {kind} {amount}, {name}: {outcome.what}\n  {' '.join(case.arguments)}", flush=True)
            print(f"  make fuzz FAULTS=1 SEED={seed} CASE={number}", flush=True)
    print(table(counters, "fault", faults.FAULTS))
    print(table(by_command, "command", faults.COMMANDS))
    return 1 if any(kind == "bad" for _, kind in counters) else 0


def table(counters: Counter[tuple[str, str]], what: str = "campaign", names: Iterable[str] = CAMPAIGNS) -> str:
    """The rows of `docs/reliability.md`."""
    rows = [f"| {what}, zif {version('zif')} | tried | right | typed | bad |", "|---|---|---|---|---|"]
    for name in names:
        right, typed, bad = (counters[name, kind] for kind in ("right", "typed", "bad"))
        if right + typed + bad:
            rows.append(f"| {name} | {right + typed + bad:,} | {right:,} | {typed:,} | {bad:,} |")
    return "\n".join(rows)


def keep(runner: Runner, case: Case, kind: str, path: Path, tries: int = 300) -> Case:
    """Make a case small, and write it."""

    def bad(other: Case) -> bool:
        outcome = runner.run(other)
        return outcome.kind == "bad" and signature(runner, other, outcome) == kind

    small = minimised(case, bad, tries)
    corpus.write(path, small, kind)
    return small


def show(runner: Runner, case: Case, save: Path | None) -> int:
    """Run one case, and say everything of it."""
    outcome: Outcome = runner.run(case)
    print(f"zif {' '.join(case.arguments)}\n{outcome.out}\n{outcome.err}")
    print(f"exit {outcome.code}, {outcome.cpu} s of CPU, {outcome.megabytes} MB: {outcome.kind} {outcome.what}")
    if outcome.kind != "bad":
        return 0
    kind = signature(runner, case, outcome)
    path = (save or Path(tempfile.gettempdir())) / "fuzz-case.json"
    small = keep(runner, case, kind, path)
    print(f"{kind}\nmade small, in {path}: zif {' '.join(small.arguments)}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
