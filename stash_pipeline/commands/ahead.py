"""Shortens commands: importing Dagster takes a second, and its teardown at exit most of another."""

import atexit
import gc
import threading
from contextlib import suppress
from importlib import import_module
from typing import Final

_OBJECTS_BETWEEN_COLLECTIONS: Final = 200_000


def collect_rarely() -> None:
    """Makes garbage collections a hundred times rarer, and skips the one at exit.

    The objects of a command, above all its modules, live until it ends. Collections while they are created, and the one
    at exit, took a quarter of its time.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # frozen objects are not collected
    atexit.register(gc.freeze)


def import_ahead(*modules: str) -> None:
    """Imports modules in a thread. The regular import follows where they are needed, and raises any error."""

    def work() -> None:
        with suppress(Exception):
            for module in modules:
                import_module(module)

    threading.Thread(target=work, daemon=True).start()
