"""Several runs at once, each in its own process: ``python -m stash_pipeline.commands.worker NAME CONFIG``.

The worker writes the events of ``progress`` to its standard output, one JSON array per line, and finally the outcome.
If the command that reads them is killed, the next event interrupts the run as a Ctrl-C does: the next command need not
wait for its end.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from stash_pipeline import progress
from stash_pipeline.commands.ahead import collect_rarely
from stash_pipeline.interrupts import accept_interrupt, repeat_dropped_interrupts
from stash_pipeline.logs import start_logging
from stash_pipeline.settings import Settings, get_settings

OUTCOME = "outcome"


class WorkerPool:
    """Starts the processes and passes on their events."""

    def __init__(self, settings: Settings, config: dict[str, Any]) -> None:
        self.environment = settings.child_environment()
        self.config = json.dumps(config)
        self.processes: list[subprocess.Popen[str]] = []
        self.lock = threading.Lock()
        self.ending = False

    def run(self, name: str) -> dict[str, Any]:
        """One run; returns its outcome. Blocks, so call it from a thread."""
        with self.lock:
            if self.ending:
                raise KeyboardInterrupt
            process = subprocess.Popen(
                [sys.executable, "-m", "stash_pipeline.commands.worker", name, self.config],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self.environment,
                # a terminal's Ctrl-C must reach this process only: a second one would interrupt a worker's cleanup
                start_new_session=True,
            )
            self.processes.append(process)
        lines: list[str] = []
        assert process.stdout is not None and process.stderr is not None
        errors = threading.Thread(target=lambda stream: lines.extend(stream), args=(process.stderr,), daemon=True)
        errors.start()
        outcome = None
        for line in process.stdout:
            event, *arguments = json.loads(line)
            if event == OUTCOME:
                outcome = arguments[0]
            else:
                getattr(progress, event)(*arguments)
        process.wait()
        errors.join(5)
        if outcome is None:
            reason = lines[-1].strip() if lines else f"its process ended with exit code {process.returncode}"
            outcome = {"instance": name, "success": False, "error": reason, "run_id": None, "release": None,
                       "entities": {}, "seconds": None}  # fmt: skip
        return outcome

    def interrupt(self) -> None:
        """Interrupts all workers, like Ctrl-C."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kills all workers."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with self.lock:
            self.ending = True
            for process in self.processes:
                if process.poll() is None:
                    process.send_signal(number)


class _EventWriter:
    """A listener that writes every event to standard output, until nobody reads it any more."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()

    def _say(self, *words: Any) -> None:
        # several threads fetch, and a second interrupt would fail the run that the first one cancels
        with self._lock:
            interrupts = not self.closed and not self._write(words) and words[0] != OUTCOME
        if interrupts:
            os.kill(os.getpid(), signal.SIGINT)

    def _write(self, words: tuple[Any, ...]) -> bool:
        """Writes an event; returns False if nobody reads it."""
        try:
            sys.stdout.write(json.dumps(words, default=str) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # The command was killed. An error here would fail the run as if this program had a bug.
            self.closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return False
        return True

    def started(self, instance: str) -> None:
        self._say("started", instance)

    def expected(self, instance: str, entity: str, count: int) -> None:
        self._say("expected", instance, entity, count)

    def fetched(self, instance: str, entity: str, count: int) -> None:
        self._say("fetched", instance, entity, count)

    def complete(self, instance: str, entity: str) -> None:
        self._say("complete", instance, entity)

    def outcome(self, value: dict[str, Any]) -> None:
        self._say(OUTCOME, value)


def main(name: str, config: dict[str, Any]) -> None:
    """The worker."""
    repeat_dropped_interrupts()
    collect_rarely()
    from stash_pipeline.commands.instance_run import run_one
    from stash_pipeline.errors import UserError
    from stash_pipeline.runtime.in_process import dagster_instance

    start_logging()
    settings = get_settings()
    writer = _EventWriter()
    progress.listen(writer)
    try:
        with dagster_instance(settings.home) as dagster:
            writer.outcome(run_one(dagster, settings, name, config))
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        accept_interrupt()
        sys.exit("Interrupted.")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
