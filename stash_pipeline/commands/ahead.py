"""What keeps a command short: Dagster takes a second to import, and most of another to be taken down at the end."""

import atexit
import gc
import threading
from contextlib import suppress
from importlib import import_module
from typing import Final

_OBJECTS_BETWEEN_COLLECTIONS: Final = 200_000


def collect_rarely() -> None:
    """Looks for cycles among objects a hundred times less often than Python does, and not at the end.

    What a command makes, its modules first of all, stays until its end. To look for cycles in it while it is made, and
    once more before the process ends, was a quarter of its time.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # what is frozen is not looked at
    atexit.register(gc.freeze)


def import_ahead(*modules: str) -> None:
    """Imports modules in a thread. Who needs them imports them as ever, and is told then what is wrong with them."""

    def work() -> None:
        with suppress(Exception):
            for module in modules:
                import_module(module)

    threading.Thread(target=work, daemon=True).start()
