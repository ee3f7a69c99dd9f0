"""`zif env`: environments with plugins whose libraries cannot be had beside those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from zif.files.environments import Environment

app = typer.Typer(no_args_is_help=True, help="Make, list, check and remove environments for plugins.")

Name = Annotated[str, typer.Argument(help="What the environment is called.", show_default=False)]
Requirements = Annotated[
    list[str], typer.Argument(metavar="REQUIREMENT...", help="Plugins: names, wheels or folders.", show_default=False)
]
PythonOption = Annotated[str, typer.Option("--python", help="A version, or the path of an interpreter.")]
LinksOption = Annotated[
    list[str], typer.Option("--find-links", metavar="PLACE", help="A folder or page with wheels; repeatable.")
]


@app.command()
def create(
    name: Name,
    requirements: Requirements = [],  # noqa: B006 - typer's way
    python: PythonOption = "",
    find_links: LinksOption = [],  # noqa: B006
    again: Annotated[bool, typer.Option("--again", help="Make one anew that is there already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an environment with this zif and these plugins in it, and what they say that they need."""
    from zif.backends.environments import make
    from zif.cli.views.progress import working

    with working(f"making the environment {name}"):
        made = make.create(name, requirements, python, find_links, again)
    _tell(made, f"made the environment {name}", as_json)


@app.command()
def add(
    name: Name,
    python: Annotated[str, typer.Option("--python", metavar="PATH", help="Its interpreter.", show_default=False)],
    install: Annotated[bool, typer.Option("--install", help="Install this zif into it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take in an environment that exists, such as conda's. Nothing in it is changed without --install."""
    from zif.backends.environments import make
    from zif.cli.views.progress import working

    with working(f"asking {python}"):
        taken = make.add(name, python, install)
    _tell(taken, f"took in the environment {name}", as_json)


@app.command("ls")
@app.command("list", hidden=True)
def ls(as_json: JsonOption = False) -> None:
    """List the environments and the backends in them."""
    from zif.cli.views.terminal import document, say, table
    from zif.files.environments import environments

    rows = [_fields(one) for one in environments()]
    if as_json:
        document("environments", {"environments": rows})
        return
    if not rows:
        say("There is no environment but zif's own. `zif env create NAME REQUIREMENT...` makes one.")
        return
    columns = ("environment", "Python", "zif", "plugins", "made by zif", "interpreter")
    table("", columns, [_cells(one) for one in rows])
    for one in rows:
        if one["problem"]:
            say(f"{one['name']}: {one['problem']}")


@app.command()
def rm(name: Name, as_json: JsonOption = False) -> None:
    """Remove an environment. One that zif did not make is only forgotten."""
    from zif.backends.environments import make
    from zif.cli.views.terminal import document, note, say

    gone, left = make.remove(name)
    if as_json:
        document("environments", {"removed": name, "deleted": gone.made, "left": left})
        return
    say(f"removed the environment {name}" if gone.made else f"forgot the environment {name}; nothing in it was touched")
    for path in left:
        note(f"{path} was not made by zif and is left alone")


@app.command()
def doctor(
    name: Annotated[str, typer.Argument(help="One only.", show_default=False)] = "", as_json: JsonOption = False
) -> None:
    """Start each environment and ask what is in it. Exit 1 when something is wrong."""
    from zif.backends.environments.look import looked_at
    from zif.cli.views.progress import working
    from zif.cli.views.terminal import document, say
    from zif.files.environments import environment, environments

    chosen = [environment(name)] if name else list(environments())
    with working("starting the environments"):
        found = [looked_at(one) for one in chosen]
    if as_json:
        document("environments", {"environments": [one.to_json() for one in found]})
    for one in [] if as_json else found:
        say(f"{one.environment.name}: {'works' if not one.problems else 'does not work'}", style="bold")
        for line in one.lines():
            say(f"  {line}")
    if not (found or as_json):
        say("There is no environment but zif's own.")
    if any(one.problems for one in found):
        raise typer.Exit(1)


def _tell(one: Environment, done: str, as_json: bool) -> None:
    from zif.cli.views.terminal import document, say

    fields = _fields(one)
    if as_json:
        document("environments", {"environments": [fields]})
        return
    say(f"{done}: Python {one.version}, zif {one.zif}")
    for word in ("backends", "frontends"):
        if fields[word]:
            say(f"{word} in it: {', '.join(fields[word])}")
    if not fields["backends"] and not fields["frontends"]:
        say("no distribution in it offers a backend or a frontend")
    for text in fields["shadowed"]:
        say(text)


def _fields(one: Environment) -> dict[str, Any]:
    from zif.backends.environments.look import shadowed
    from zif.files.environments import points_in
    from zif.hookspecs import GROUP
    from zif.runtime.frontends.contract import GROUP as FRONTENDS

    fields = one.to_json()
    names = sorted({found.name for found in points_in(one, GROUP)})
    frontends = sorted({found.name for found in points_in(one, FRONTENDS)})
    return {**fields, "backends": names, "frontends": frontends, "shadowed": shadowed(one, names)}


def _cells(one: dict[str, Any]) -> list[Any]:
    names = ", ".join([*one["backends"], *one["frontends"]])
    return [(one["name"], "bold"), one["version"], one["zif"], names, "yes" if one["made"] else "no", one["python"]]
