"""Where the output of a run goes that a command runs in its own process: to the terminal, as that of any command.

Dagster's own way, which runs of the daemon keep, redirects the process's output into a file and starts two programs
per stream that copy it back. In a terminal each of them gets a Ctrl-C, and the Python one prints a traceback.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stash_pipeline.runtime.dagster_internals import (
    IO_TYPE_EXTENSION,
    CapturedLogContext,
    ComputeIOType,
    ConfigurableClassData,
    LocalComputeLogManager,
)


class CommandComputeLogManager(LocalComputeLogManager):
    """Captures nothing, and leaves what tells the run's page that there is nothing."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "CommandComputeLogManager":
        """Made by Dagster from the configuration; the one of the base class makes a base class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Leaves the streams of this process as they are."""
        for stream in (ComputeIOType.STDOUT, ComputeIOType.STDERR):
            _touch(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[stream]))
        yield CapturedLogContext(log_key)
        _touch(self.complete_artifact_path(log_key))


def _touch(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
