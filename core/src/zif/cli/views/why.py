"""Why a unit runs where it runs, on a terminal: a numbered list for every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.cli.views.terminal import say
from zif.files.wording import duration

if TYPE_CHECKING:
    from zif.planning.why import Explained, Explanation, Stance, Step


def show(told: Explained) -> None:
    """Print the list of every unit, and who was not asked."""
    say(f"{told.model} for {told.target}, policy {told.policy}", style="bold")
    if told.what_if:
        say(f"supposed: {', '.join(told.what_if)}")
    for unit in told.units:
        _unit(unit)
    say()
    for absent in told.absent:
        say(f"takes no part: {absent.backend} ({absent.distribution} {absent.version}): {absent.reason}")


def _unit(unit: Explanation) -> None:
    say()
    say(f"{unit.unit} ({unit.op_type}) runs on {unit.backend}, in segment {unit.segment}: {unit.reason}", style="bold")
    for stance in unit.stances:
        say(f"  {stance.backend}: {_cost(stance)}")
        for step in stance.steps:
            say(f"    {_line(step)}")


def _cost(stance: Stance) -> str:
    if stance.cost_us is None:
        return f"does not run there; it would take {duration(stance.would_cost_us)}"
    return f"{duration(stance.cost_us)} ({stance.cost_source}){', runs here' if stance.here else ''}"


def _line(step: Step) -> str:
    turned = f", overruling {step.overrules}" if step.overrules else ""
    code = "" if step.code == "ok" else f" [{step.code}]"
    return f"{step.number}. {step.who} {step.does}{turned}{code}{f': {step.reason}' if step.reason else ''}"
