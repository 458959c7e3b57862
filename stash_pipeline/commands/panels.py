"""How ``stash-pipeline --help`` groups the commands: by the headings of docs/commands.md, in their order."""

from collections.abc import Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

PANELS: Final[Mapping[str, tuple[str, ...]]] = {
    "Servers": ("instances", "plugin"),
    "Sync": ("sync", "status", "history", "silent-changes", "verify", "rebuild", "lanes"),
    "Search, matches, duplicates": ("search", "matches", "duplicates"),
    "Stash-boxes": ("boxes",),
    "The database and files": ("psql", "db", "export", "backup", "restore"),
    "Running": ("up", "serve", "service", "live", "doctor", "metrics", "notify", "maintain"),
    "Trying and developing": ("demo", "simulate", "simulate-box", "query"),
}


class Panels(TyperGroup):
    """Lists the commands in the order of the panels, and those without one at the end."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands."""
        order = {name: place for place, name in enumerate(name for names in PANELS.values() for name in names)}
        return sorted(super().list_commands(ctx), key=lambda name: order.get(name, len(order)))


def assign_panels(app: typer.Typer) -> None:
    """Gives every registered command and group its panel; one that is in none is listed under "Commands"."""
    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    for command in app.registered_commands:
        name = command.name or command.callback.__name__.replace("_", "-")  # type: ignore[union-attr]
        if name in panel_of:
            command.rich_help_panel = panel_of[name]
    for group in app.registered_groups:
        if group.name in panel_of:
            group.rich_help_panel = panel_of[str(group.name)]
