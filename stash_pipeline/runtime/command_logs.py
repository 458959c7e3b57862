"""Sends the output of a run in a command's process to the terminal.

Dagster's default, which runs of the daemon use, redirects the output of the process into a file and starts two programs
per stream that copy it back. In a terminal each of them receives a Ctrl-C, and the Python one prints a traceback.
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
    """Captures nothing, and creates the files that tell the UI that there is no output."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "CommandComputeLogManager":
        """Called by Dagster with the configuration; the base class would create an instance of itself."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Does not redirect the streams of this process."""
        for stream in (ComputeIOType.STDOUT, ComputeIOType.STDERR):
            _touch(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[stream]))
        yield CapturedLogContext(log_key)
        _touch(self.complete_artifact_path(log_key))


def _touch(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
