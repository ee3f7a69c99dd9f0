"""`zif targets`: the chips that can be planned for, and where each figure comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from zif.files.distribution_data import Problem
    from zif.records import Target


#: What the list shows, and the width of the terminal that it takes to be shown: the names come first, never folded.
COLUMNS = (
    ("target", 0),
    ("title", 180),
    ("part", 0),
    ("vendor's figures", 130),
    ("NPU int8 TMAC/s", 0),
    ("distribution", 90),
)


def command(
    name: Annotated[str, typer.Argument(help="One chip, with every figure and its source.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the chips that are known, or one with its sources."""
    from zif.cli.data_files import data_problems
    from zif.cli.views import terminal
    from zif.targets import host, target, targets

    if name:
        chosen = target(name)
        if as_json:
            terminal.document("targets", {"targets": [_fields(chosen)]})
        else:
            _show(chosen)
        return
    known, here, wrong = targets(), host(), data_problems()
    if as_json:
        every, problems = [_fields(target) for target in known], [_fields(problem) for problem in wrong]
        terminal.document("targets", {"targets": every, "host": _fields(here), "problems": problems})
        return
    width = terminal.width()
    kept = [k for k, (_, least) in enumerate(COLUMNS) if width >= least]
    columns = [COLUMNS[k][0] for k in kept]
    rows = [[cells[k] for k in kept] for cells in map(_cells, (here, *known))]
    terminal.table("", columns, rows, right=["NPU int8 TMAC/s"], whole=columns[:1])
    for problem in wrong:
        terminal.say(f"{problem.distribution}: {problem.text}", style="red")
    terminal.say("`zif targets NAME` shows every figure with its source, and the other names that the chip answers to.")


def _fields(row: Target | Problem) -> dict[str, Any]:
    import attrs

    return attrs.asdict(row)


def _cells(target: Target) -> list[Any]:
    npu = target.processors.get("npu")
    rate = npu.macs_per_s.get("int8") if npu else None
    vendors = tuple(f"{vendor.lower()}-" for vendor in target.vendor)
    return [
        (target.name, "bold"),
        target.title,
        ", ".join(alias for alias in target.aliases if not alias.startswith(vendors)),
        ", ".join(_figure(name, value) for table in target.vendor.values() for name, value in table.items() if value),
        f"{rate / 1e12:.1f}" if rate else "",
        target.distribution,
    ]


def _figure(name: str, value: Any) -> str:
    return name if value is True else f"{name} {value}"


def _show(target: Target) -> None:
    from zif.cli.views import terminal

    facts = {f"{vendor}.{name}": value for vendor, table in target.vendor.items() for name, value in table.items()}
    terminal.say(f"{target.name}: {target.title}", style="bold")
    if target.distribution:
        terminal.say(f"described by {target.distribution}")
    if target.aliases:
        terminal.say(f"also called {', '.join(target.aliases)}")
    rows = [[key, value, target.sources.get(key, "")] for key, value in facts.items()]
    rows += [[key, "", source] for key, source in target.sources.items() if key not in facts]
    terminal.table("", ("figure", "value", "source"), rows)
    columns = ("processor", "GMAC/s by precision", "GB/s", "op µs", "launch µs", "link GB/s", "link µs", "W", "source")
    terminal.table("Rates", columns, [_rates(name, rates) for name, rates in target.processors.items()])
    for name, rates in target.processors.items():
        for mode in rates.measured_watts or ("",):
            drawn = rates.drawn(mode)
            where = f"{name} in mode {mode}" if mode else name
            terminal.say(f"{where} draws {drawn.watts:g} W ({drawn.low:g} to {drawn.high:g}): {drawn.source}")


def _rates(name: str, rates: Any) -> list[Any]:
    macs = ", ".join(f"{precision} {rate / 1e9:.0f}" for precision, rate in rates.macs_per_s.items())
    gigabytes = (f"{value / 1e9:.1f}" for value in (rates.bytes_per_s, rates.link_bytes_per_s))
    bandwidth, link = gigabytes
    fixed = [f"{value:g}" for value in (rates.op_us, rates.launch_us)]
    return [name, macs, bandwidth, *fixed, link, f"{rates.link_us:g}", f"{rates.watts:g}", rates.source]
