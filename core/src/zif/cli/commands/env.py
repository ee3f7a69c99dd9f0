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

    rows = [_fields(environment) for environment in environments()]
    if as_json:
        document("environments", {"environments": rows})
        return
    if not rows:
        say("There is no environment but zif's own. `zif env create NAME REQUIREMENT...` makes one.")
        return
    columns = ("environment", "Python", "zif", "plugins", "made by zif", "interpreter")
    table("", columns, [_cells(row) for row in rows])
    for row in rows:
        if row["problem"]:
            say(f"{row['name']}: {row['problem']}")


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
        looks = [looked_at(environment) for environment in chosen]
    if as_json:
        document("environments", {"environments": [look.to_json() for look in looks]})
    for look in [] if as_json else looks:
        say(f"{look.environment.name}: {'works' if not look.problems else 'does not work'}", style="bold")
        for line in look.lines():
            say(f"  {line}")
    if not (looks or as_json):
        say("There is no environment but zif's own.")
    if any(look.problems for look in looks):
        raise typer.Exit(1)


def _tell(environment: Environment, done: str, as_json: bool) -> None:
    from zif.cli.views.terminal import document, say

    fields = _fields(environment)
    if as_json:
        document("environments", {"environments": [fields]})
        return
    say(f"{done}: Python {environment.version}, zif {environment.zif}")
    for word in ("backends", "frontends"):
        if fields[word]:
            say(f"{word} in it: {', '.join(fields[word])}")
    if not fields["backends"] and not fields["frontends"]:
        say("no distribution in it offers a backend or a frontend")
    for text in fields["shadowed"]:
        say(text)


def _fields(environment: Environment) -> dict[str, Any]:
    from zif.backends.environments.look import shadowed
    from zif.files.environments import points_in
    from zif.hookspecs import GROUP
    from zif.runtime.frontends.contract import GROUP as FRONTENDS

    fields = environment.to_json()
    names = sorted({point.name for point in points_in(environment, GROUP)})
    frontends = sorted({point.name for point in points_in(environment, FRONTENDS)})
    return {**fields, "backends": names, "frontends": frontends, "shadowed": shadowed(environment, names)}


def _cells(row: dict[str, Any]) -> list[Any]:
    names = ", ".join([*row["backends"], *row["frontends"]])
    return [(row["name"], "bold"), row["version"], row["zif"], names, "yes" if row["made"] else "no", row["python"]]
