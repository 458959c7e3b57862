"""The commands ``stash-pipeline plugin …``: their names and options."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands.instances import Name

app = typer.Typer(help="The plugin for Stash that says at once what changed.", no_args_is_help=True)


class PluginVia(str, Enum):
    """How the plugin says what changed."""

    log = "log"
    webhook = "webhook"


@app.command()
def install(
    name: Name,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder `plugins` beside the server's config.yml.")
    ] = None,
    print_files: Annotated[bool, typer.Option("--print", help="Print the files instead of writing them.")] = False,
    via: Annotated[
        PluginVia, typer.Option(help="log: needs nothing else on the server; webhook: needs Python there.")
    ] = PluginVia.log,
    url: Annotated[
        str | None, typer.Option(help="The webhook as the server reaches it. Default: from the settings.")
    ] = None,
) -> None:
    """Write or print the plugin for the server of an instance."""
    from stash_pipeline.commands.live import install_plugin as run

    run(name, folder, print_files=print_files, via=via.value, url=url)
