"""`zif backends`: who is installed, what each is here, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.cli.options import JsonOption, TargetOption

if TYPE_CHECKING:
    from zif.backends.survey import Answer

_COLOURS = {"hardware": "green", "emulator": "yellow"}


def command(target: TargetOption = "host", as_json: JsonOption = False) -> None:
    """List the installed backends and why they can run here or not.

    A plugin that is broken, or does not answer within ZIF_DEADLINE seconds (10), is a row with its reason.
    """
    from zif.backends.survey import ask_all
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.targets import target as find

    chip = find(target)
    with working("asking the backends"):
        answers = ask_all(chip)
    if as_json:
        terminal.document("backends", {"target": chip.name, "backends": [answer.to_json() for answer in answers]})
    elif answers:
        columns = ("backend", "distribution", "kind", "processor", "available", "stages", "toolchain")
        elsewhere = any(answer.row.environment for answer in answers)
        more = ("environment",) if elsewhere else ()
        terminal.table("", (*columns, *more), [_cells(answer)[: len(columns) + len(more)] for answer in answers])
        for reply in answers:
            if reply.reason:
                terminal.say(f"{reply.row.name}: {reply.reason}")
    else:
        from zif.files.installing import to_install

        terminal.say(f"No backend is installed. A start is {to_install('zif-reference')}")


def _cells(answer: Answer) -> list[Any]:
    known = answer.capabilities
    kind = (known.label or known.kind, _COLOURS[known.kind]) if known else ("?", "red")
    state = ("yes", "green") if answer.available else ("no" if known else "broken", "red")
    owner = f"{answer.row.distribution} {answer.row.version}"
    processor, toolchain = (known.processor, known.toolchain) if known else ("", "")
    return [
        (answer.row.name, "bold"),
        owner,
        kind,
        processor,
        state,
        " ".join(answer.stages),
        toolchain,
        answer.row.environment,
    ]
