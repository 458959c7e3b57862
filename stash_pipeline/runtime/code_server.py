"""Dagster's code server, whose runs start at once: ``python -m stash_pipeline.runtime.code_server OPTIONS``.

The options are those of ``dagster api grpc``; ``--end-orphans`` may precede them. Dagster starts a new Python for each
run, which imports everything again: 2 s. Here a run is forked from a process that has imported everything and does
nothing else, the fork server of ``multiprocessing``. A run still is a process of its own: it can be canceled, it can
fail alone, and its memory ends with it. Only on Linux: on macOS, a process that has loaded system libraries cannot be
forked safely.
"""

import logging
import multiprocessing
import os
import runpy
import sys
import threading
from collections.abc import Sequence
from multiprocessing import forkserver
from typing import Any, Final

from stash_pipeline.runtime.prepared_runs import MODULE_VARIABLE

_log = logging.getLogger(__name__)

_PREPARED: Final = "stash_pipeline.runtime.prepared_runs"

_AFTER_SECONDS: Final = 3.0
"""The fork server imports when the UI has appeared, which the other processes start for meanwhile."""


END_ORPHANS: Final = "--end-orphans"
"""The first option, of a code server that other processes reach by its address."""

_ORPHANS_SECONDS: Final = 90.0
"""The daemon retries the run of a killed process as soon as it has ended, and only once. It cannot while it takes the
code server for unreachable: until it loads its workspace again, 60 s after the last time. Sensors end orphaned runs
too, as soon as the daemon reaches this server."""


def fork_runs(module: str) -> None:
    """Makes the code server of this process, which is not started yet, fork its runs.

    Args:
        module: with the definitions, which the fork server imports.
    """
    from stash_pipeline.runtime.dagster_internals import code_server_module

    os.environ[MODULE_VARIABLE] = module
    multiprocessing.set_forkserver_preload([_PREPARED])
    server = code_server_module()

    class ForkingServer(server.DagsterApiServer):  # type: ignore[name-defined]
        """Executes each run in a process that is forked, not in a new Python."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            # Dagster has no setting for it
            self._mp_ctx = multiprocessing.get_context("forkserver")
            starting = threading.Timer(_AFTER_SECONDS, forkserver.ensure_running)
            starting.daemon = True
            starting.start()

    vars(server)["DagsterApiServer"] = ForkingServer


def module_of(arguments: Sequence[str]) -> str | None:
    """The module in the options of the code server."""
    for option, value in zip(arguments, arguments[1:], strict=False):
        if option in ("-m", "--module-name"):
            return value
    return None


def _end_orphans() -> None:
    from dagster import DagsterInstance

    from stash_pipeline.runtime.orphaned_runs import end_orphaned_runs

    try:
        with DagsterInstance.get() as instance:
            end_orphaned_runs(instance)
    except Exception as error:
        # the database may be restarted at this moment; sensors do the same later
        _log.warning("Orphaned runs cannot be ended now (%s).", type(error).__name__)


def main() -> None:
    """Serves until SIGTERM."""
    from stash_pipeline.settings import get_settings

    arguments = sys.argv[1:]
    if arguments[:1] == [END_ORPHANS]:
        arguments = arguments[1:]
        ending = threading.Timer(_ORPHANS_SECONDS, _end_orphans)
        ending.daemon = True
        ending.start()
    module = module_of(arguments)
    if module is not None and sys.platform == "linux" and get_settings().prepared_runs:
        fork_runs(module)
    sys.argv = ["dagster", "api", "grpc", *arguments]
    runpy.run_module("dagster", run_name="__main__")


if __name__ == "__main__":
    main()
