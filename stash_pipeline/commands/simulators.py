"""The commands ``stash-pipeline simulate`` and ``simulate-box``.

Each of the simulators parses its options itself. They are imported only when they run.
"""

from typing import Any, Final

import typer

PASSED_ON: Final[dict[str, Any]] = {
    "add_help_option": False,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
}
"""How the commands are registered: all options are passed on."""


def simulate(context: typer.Context) -> None:
    """Serve a simulated Stash server."""
    from stash_pipeline.commands.extras import require_demo

    require_demo("simulate")
    from stash_pipeline.simulator.command import simulate

    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(simulate)
    raise typer.Exit(inner(args=context.args, prog_name="stash-pipeline simulate", standalone_mode=False) or 0)


def simulate_box(context: typer.Context) -> None:
    """Serve a simulated stash-box."""
    from stash_pipeline.commands.extras import require_demo

    require_demo("simulate-box")
    from stash_pipeline.simulator.box.command import simulate_box

    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(simulate_box)
    raise typer.Exit(inner(args=context.args, prog_name="stash-pipeline simulate-box", standalone_mode=False) or 0)
