"""``stash-pipeline live`` and ``stash-pipeline plugin install``."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stash_pipeline.commands.ahead import import_ahead
from stash_pipeline.commands.output import console
from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_home import DEFINITIONS_MODULE
from stash_pipeline.settings import get_settings, settings_in_use

if TYPE_CHECKING:
    from stash_pipeline.live.plugin import Via


def live() -> None:
    """The command; serves until Ctrl-C."""
    settings = get_settings()
    import_ahead("stash_pipeline.runtime.in_process", "stash_pipeline.runtime.dagster_storage", DEFINITIONS_MODULE)
    from stash_pipeline.live.state import alone
    from stash_pipeline.runtime.supervisor import interruptible
    from stash_pipeline.warehouse.session import open_warehouse

    with interruptible(), suppress(KeyboardInterrupt):
        with open_warehouse(settings) as settings, alone(settings.home):
            from stash_pipeline.live.service import serve

            console.print("Following the hints of the servers (stop with Ctrl-C).")
            with settings_in_use(settings):
                serve(settings)
        # its memory has grown: a new process
        os.execv(sys.executable, [sys.executable, "-m", "stash_pipeline", "live"])


def install_plugin(name: str, folder: Path | None, *, print_files: bool, via: "Via", url: str | None) -> None:
    """The command."""
    from stash_pipeline.instances import get_instance
    from stash_pipeline.live.plugin import install, plugin_files
    from stash_pipeline.live.tokens import token_of
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    if print_files == (folder is not None):
        raise UserError("Give either --folder, the server's folder of plugins, or --print.")
    if url is not None and via != "webhook":
        raise UserError("--url is for --via webhook; the log needs no address.")
    settings = get_settings()
    with open_warehouse(settings) as settings, connect(settings.database() or "") as connection:
        instance = get_instance(connection, name)
    if via == "webhook" and url is None:
        if not settings.webhook_port:
            raise UserError("There is no webhook; set STASH_PIPELINE_WEBHOOK_PORT, or give its address with --url.")
        url = f"http://{settings.webhook_host}:{settings.webhook_port}"
    token = token_of(settings.home, instance.uuid) if via == "webhook" else ""
    files = plugin_files(via, url or "", token)
    if folder is None:
        for file, content in files.items():
            console.print(f"# {file}", highlight=False, markup=False)
            console.print(content, highlight=False, markup=False, soft_wrap=True)
        return
    target = install(folder.expanduser(), files)
    console.print(
        f"Wrote {target}. In Stash, press Settings → Plugins → Reload plugins.",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
