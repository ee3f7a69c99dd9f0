"""What `zif export` wrote, and which ways out there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.runtime.export.verb import Written


def document_of(made: Written) -> dict[str, Any]:
    """The fields of the document `zif.export/1`."""
    return {
        "for": made.form,
        "output": str(made.output),
        "target": made.target,
        "files": dict(made.files),
        "notes": list(made.notes),
        "facts": dict(made.facts),
    }


def show(document: dict[str, Any]) -> None:
    """The files with their sizes, and what the exporter said."""
    from zif.cli.views.terminal import say, table
    from zif.files.wording import size, things

    rows = [[name, size(count)] for name, count in document["files"].items()]
    table("", ("file", "size"), rows, right=("size",))
    for note in document["notes"]:
        say(note)
    say(f"{document['output']}: {things(len(rows), 'file')} for {document['for']}, the plan for {document['target']}")


def tell_forms(as_json: bool) -> None:
    """The words behind --for, each with what it writes and its options."""
    import attrs

    from zif.backends.options import describe_options
    from zif.cli.views import terminal
    from zif.errors import ZifError
    from zif.runtime.export.registry import exporter, words

    exporters, troubles = {}, []
    for word in words():
        try:
            exporters[word] = exporter(word)
        except ZifError as error:  # one that is broken takes the others off no list
            troubles.append(str(error))
    forms: list[dict[str, Any]] = [
        {
            "for": word,
            "writes": exporter.help,
            "output": "folder" if exporter.folder else "file",
            "needs": exporter.needs,
            "flags": " ".join(f"--{name.replace('_', '-')}" for name in attrs.fields_dict(exporter.options)),
            "options": describe_options(exporter.options),
        }
        for word, exporter in exporters.items()
    ]
    for trouble in troubles:
        terminal.note(trouble)
    if as_json:
        return terminal.document("exporters", {"exporters": forms})
    if not forms:
        return terminal.say("No installed distribution brings a way out.")
    rows = [[(row["for"], "bold"), row["output"], row["flags"], row["writes"]] for row in forms]
    terminal.table("", ("--for", "output", "options", "writes"), rows)
    return None
