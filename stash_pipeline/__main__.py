"""The program ``stash-pipeline``: runs a command, and turns every error into one sentence and an exit code.

The commands (``cli.py``) are imported inside ``main``, because a Ctrl-C while they load must not end in a traceback.
"""

import errno
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Final

from stash_pipeline.interrupts import accept_interrupt, repeat_dropped_interrupts

FAILED: Final = 1
USAGE: Final = 2
DEFECT: Final = 70
"""EX_SOFTWARE of sysexits.h."""
INTERRUPTED: Final = 130
"""128 plus the number of SIGINT, as in shells."""

_ENVIRONMENTAL: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR,
     errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE, errno.EIO}
)  # fmt: skip
"""Errors of the machine, not of this program."""


def main() -> None:
    """Runs the command of ``sys.argv`` and exits.

    Exit codes: 0 success; 1 failure that the user can fix; 2 invalid command line; 70 a bug of this program, with the
    traceback in a file; 130 interrupted.
    """
    try:
        code = _run()
    except KeyboardInterrupt:
        accept_interrupt()
        code = _report("Interrupted.", INTERRUPTED)
        # cleanup is done: another Ctrl-C may end the process at once
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_flushed(code))


def _run() -> int:
    """Runs the command, and returns the exit code."""
    repeat_dropped_interrupts()
    from stash_pipeline.commands.ahead import collect_rarely
    from stash_pipeline.terminal import accept_any_text

    collect_rarely()
    accept_any_text(sys.stdout, sys.stderr)
    try:
        return _command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED if end.code else 0
    except Exception as error:
        # click's usage errors; typer does not export their class
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return _usage_error(error)
        if sentence := _sentence(error):
            return _report(sentence, FAILED)
        from stash_pipeline.error_report import report_defect

        return _report(report_defect(error), DEFECT)


def _command() -> int:
    arguments = sys.argv[1:]
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            return _report(f"The argument {argument!r} is not valid text in the encoding of this terminal.", USAGE)
    import typer

    from stash_pipeline.cli import app
    from stash_pipeline.logs import start_logging
    from stash_pipeline.unknown_variables import unknown_variables

    for sentence in unknown_variables():
        print(f"stash-pipeline: {sentence}", file=sys.stderr)
    start_logging()
    try:
        code = app(args=arguments, prog_name="stash-pipeline", standalone_mode=False)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _sentence(error: Exception) -> str | None:
    """The message for an error caused outside this program; None for a bug."""
    from stash_pipeline.errors import UserError
    from stash_pipeline.stash.errors import StashError

    if isinstance(error, UserError | StashError):
        return str(error)
    if trouble := _database_error(error):
        from stash_pipeline.warehouse.connect import database_sentence

        return database_sentence(trouble)
    if isinstance(error, OSError) and error.errno in _ENVIRONMENTAL:
        where = f" ({error.filename})" if error.filename is not None else ""
        return f"The operating system reports an error: {error.strerror}{where}."
    return None


def _database_error(error: BaseException | None) -> BaseException | None:
    """The driver's error behind an error, if the database is unreachable or full.

    Compared by name, so that only libraries in use are loaded.
    """
    while error is not None:
        if type(error).__module__.split(".")[0] in ("psycopg", "psycopg2") and any(
            base.__name__ == "OperationalError" for base in type(error).__mro__
        ):
            return error
        error = error.__cause__ or error.__context__
    return None


def wants_json(arguments: list[str]) -> bool:
    """Whether a command line requests JSON, even if it cannot be parsed."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


def _report(sentence: str, code: int) -> int:
    """Reports an error: to programs as JSON on standard output, to people on standard error."""
    if wants_json(sys.argv[1:]):
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    elif code != INTERRUPTED:
        with suppress(OSError):
            print(f"stash-pipeline: {sentence}", file=sys.stderr)
    return code


def _usage_error(error: Exception) -> int:
    """Reports click's usage error; without a command, the help."""
    code: int = error.exit_code  # type: ignore[attr-defined]
    if isinstance(text := getattr(error, "message", None), str):
        # how typer repeats the sentence of a validator
        error.message = text.replace("Value error, ", "")  # type: ignore[attr-defined]
    if wants_json(sys.argv[1:]):
        message: str = error.format_message()  # type: ignore[attr-defined]
        return _report(message, code)
    error.show()  # type: ignore[attr-defined]
    return code


def _flushed(code: int) -> int:
    """The exit code after all output is written. A closed pipe is not an error of the command."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            # Python would write the rest of the buffer again at exit, with a traceback
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if error.errno != errno.EPIPE and code == 0:
                code = _report(f"The output could not be written: {error.strerror}.", FAILED)
    return code


if __name__ == "__main__":
    main()
