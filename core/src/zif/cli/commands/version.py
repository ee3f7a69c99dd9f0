"""`zif version`: of zif and of what it stands on."""

from __future__ import annotations

from zif.cli.options import JsonOption


def command(as_json: JsonOption = False) -> None:
    """Print the versions of zif and of the backends."""
    import platform

    from zif.backends.registry import core_version, installed
    from zif.cli.views import terminal

    backends = {row.distribution: row.version for row in installed()}
    if as_json:
        fields = {"zif": core_version(), "python": platform.python_version(), "backends": backends}
        terminal.document("version", fields)
        return
    terminal.say(f"zif {core_version()} (Python {platform.python_version()})")
    for name, version in backends.items():
        terminal.say(f"{name} {version}")
