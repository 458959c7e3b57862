"""Repeats a Ctrl-C that Python has dropped.

An exception raised inside a finalizer or the callback of a weak reference cannot reach the program. Libraries have many
of them, and the garbage collector calls them at any time. Without this module, a Ctrl-C during such a call would be
lost, and the command would continue.
"""

import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_REPEAT_SECONDS: Final = 0.05

_RAISED_BY_DAGSTER: Final = "DagsterExecutionInterruptedError"
"""What a Ctrl-C raises inside a step. Compared by name, because importing Dagster takes a second."""


def repeat_dropped_interrupts() -> None:
    """Installs the hook for the rest of the process."""
    sys.unraisablehook = _repeat_dropped_interrupt


def _repeat_dropped_interrupt(unraisable: "UnraisableHookArgs") -> None:
    """Sends the signal again."""
    error = unraisable.exc_type
    if not issubclass(error, KeyboardInterrupt) and error.__name__ != _RAISED_BY_DAGSTER:
        sys.__unraisablehook__(unraisable)
        return
    # after the callback has returned: raised from here, it would be dropped again
    main_thread = threading.main_thread().ident
    repeat = threading.Timer(_REPEAT_SECONDS, signal.pthread_kill, [main_thread, signal.SIGINT])
    repeat.daemon = True
    repeat.start()
