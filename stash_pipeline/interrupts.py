"""Repeats a Ctrl-C that a library has dropped.

A Ctrl-C raises an exception between any two instructions, and some places drop every exception: finalizers, the
callbacks of weak references, and C extensions that try something, for example an import, and continue without it.
Without this module, the command would continue.
"""

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_REPEAT_SECONDS: Final = 0.05

_RAISED_BY_DAGSTER: Final = "DagsterExecutionInterruptedError"
"""What a Ctrl-C raises inside a step. Compared by name, because importing Dagster takes a second."""


class _Interrupts:
    """The interrupts of this process."""

    alive = 0
    """Exceptions that are being raised: a second one that is dropped is not repeated."""

    repeated = False


class Interrupt(KeyboardInterrupt):
    """Repeats the signal if it is destroyed while the program still runs."""

    def __init__(self) -> None:
        super().__init__()
        _Interrupts.alive += 1

    def __del__(self) -> None:
        _Interrupts.alive -= 1
        if _Interrupts.repeated and not _Interrupts.alive:
            _repeat()


def repeat_dropped_interrupts() -> None:
    """Handles SIGINT, and SIGTERM like it, until :func:`accept_interrupt`."""
    _Interrupts.repeated = True
    # the signal of a service manager ends the program as cleanly as Ctrl-C
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.unraisablehook = _repeat_dropped_interrupt


def accept_interrupt() -> None:
    """Declares that the program ends: interrupts are no longer repeated."""
    _Interrupts.repeated = False


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupt


def _repeat_dropped_interrupt(unraisable: "UnraisableHookArgs") -> None:
    """Reports what finalizers and callbacks raise, except interrupts."""
    error = unraisable.exc_type
    if error.__name__ == _RAISED_BY_DAGSTER:
        _repeat()
    elif not issubclass(error, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _repeat() -> None:
    """Sends the signal again."""
    # after the callback has returned: raised from here, it would be dropped again
    main_thread = threading.main_thread().ident
    repeat = threading.Timer(_REPEAT_SECONDS, signal.pthread_kill, [main_thread, signal.SIGINT])
    repeat.daemon = True
    repeat.start()
