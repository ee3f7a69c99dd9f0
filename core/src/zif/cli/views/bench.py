"""A run under load on a terminal: what was asked, what came of it, and whether it is a result at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zif.cli.views.run import tell_events
from zif.cli.views.terminal import say, table
from zif.evaluation.scenarios import SCENARIOS


def show(document: Mapping[str, Any]) -> None:
    """Print what the document of `zif bench --json` holds."""
    outcome = document["outcome"]
    load = outcome["load"]
    what = SCENARIOS[load["scenario"]][1]
    say(f"{document['model']} on {document['target']} ({' + '.join(document['backends'])})", style="bold")
    say(f"{load['scenario']}: {what}")
    if not load["accuracy"]:
        times = outcome["latency_ms"]
        table("", tuple(times), [[f"{ms:.3f}" for ms in times.values()]], right=tuple(times))
        rate = outcome["samples_per_second"]
        say(f"{outcome['queries']} queries" + (f", {rate:,.2f} samples a second" if rate else ""))
        why = f": {'; '.join(outcome['reasons'])}" if outcome["reasons"] else ""
        say(f"{'valid' if outcome['valid'] else 'NOT valid'} by the load generator's rules{why}")
    right = document["accuracy"]
    if right:
        told = f"{right['sqnr_db']} dB" if right["sqnr_db"] is not None else "exact"
        judge = " and ".join(right["judge"])
        say(f"{right['samples']} samples beside the CPU ({judge}): {right['word']} ({told}, {right['precision']})")
    if document["no_result"]:
        say(document["no_result"], style="yellow")
    tell_events(document["events"])
    for note in document["notes"]:
        say(f"note: {note}")
