"""Carries out ``stash-pipeline metrics``: prints the metrics, or serves them until Ctrl-C."""

import sys
import threading
from contextlib import suppress

from stash_pipeline.settings import get_settings


def metrics(serve: str | None) -> None:
    """The command.

    Args:
        serve: the address to serve them at; None prints them once.

    Raises:
        UserError: if the database or the port is not available.
    """
    from stash_pipeline.metrics.collect import text_of
    from stash_pipeline.metrics.serve import address_of, serving_metrics
    from stash_pipeline.runtime.supervisor import interruptible
    from stash_pipeline.warehouse.session import open_warehouse

    address = None if serve is None else address_of(serve)
    with open_warehouse(get_settings()) as settings:
        if address is None:
            sys.stdout.write(text_of(settings))
            return
        with interruptible(), suppress(KeyboardInterrupt), serving_metrics(lambda: settings, *address) as url:
            print(f"Metrics are at {url} (stop it with Ctrl-C).", flush=True)
            threading.Event().wait()
