"""``stash-pipeline service …``: a systemd unit that runs `stash-pipeline up`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands.options import refuse_together
from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import ROOTS_HOME
from stash_pipeline.runtime.systemd import UNIT
from stash_pipeline.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Run `up` as a service of systemd.")

OfUser = Annotated[bool, typer.Option("--user", help="A service of your own, without root.")]
OfSystem = Annotated[bool, typer.Option("--system", help="A service of the system; needs root.")]


@app.callback()
def service() -> None:
    """Run `up` as a service of systemd."""


@app.command()
def install(
    user: OfUser = False,
    system: OfSystem = False,
    run_as: Annotated[
        str | None, typer.Option(metavar="USER", help="Of --system: who runs it. Default: who called sudo.")
    ] = None,
    show: Annotated[bool, typer.Option("--print", help="Only print the unit; write nothing.")] = False,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Enable and start it.")] = True,
) -> None:
    """Write the unit, enable and start it. Run it again after an upgrade that moved the program."""
    if run_as is not None and not system:
        raise UserError("--run-as has no effect without --system; give both, or neither.")
    from stash_pipeline.runtime.systemd import install as write
    from stash_pipeline.runtime.systemd import service_of

    described = service_of(system=system, user=run_as, home=_home(user, system))
    if show:
        print(described.text(), end="")
        return
    for line in write(described, start=start):
        console.print(line, soft_wrap=True, highlight=False)
    console.print(f"Its log: journalctl {'' if system else '--user '}--unit {UNIT}", highlight=False)
    if user:
        console.print("It ends when you log out, unless you run: loginctl enable-linger", highlight=False)


@app.command()
def uninstall(user: OfUser = False, system: OfSystem = False) -> None:
    """Stop the service and remove its unit. The data and the settings stay."""
    from stash_pipeline.runtime.systemd import installed_service
    from stash_pipeline.runtime.systemd import uninstall as remove

    for line in remove(installed_service(system=system, home=_home(user, system))):
        console.print(line, soft_wrap=True, highlight=False)


@app.command()
def status(
    user: OfUser = False,
    system: OfSystem = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show whether the service runs; exit code 1 if it does not."""
    from stash_pipeline.runtime.systemd import installed_service, state

    properties = state(installed_service(system=system, home=_home(user, system)))
    if as_json:
        print_json(dict(properties))
    elif properties.get("LoadState") == "not-found":
        console.print(f"{UNIT} is not installed.", highlight=False)
    else:
        since = properties.get("ActiveEnterTimestamp")
        console.print(
            f"{UNIT} is {properties.get('ActiveState')} ({properties.get('SubState')}), "
            f"{properties.get('UnitFileState')}{f', since {since}' if since else ''}, "
            f"restarted {properties.get('NRestarts')} times.",
            highlight=False,
            soft_wrap=True,
        )
    raise typer.Exit(0 if properties.get("ActiveState") == "active" else 1)


def _home(user: bool, system: bool) -> Path:
    """The home of the service that the options name."""
    refuse_together({"--user": user, "--system": system})
    if not user and not system:
        raise UserError("Say whose service it is: --user for your own, or --system.")
    # with sudo, the default home is not that of the user who will run it
    return Path(ROOTS_HOME if system and "STASH_PIPELINE_HOME" not in os.environ else get_settings().home)
