"""Dagster's home directory and the names that its processes use. Does not import Dagster."""

import re
import sysconfig
from pathlib import Path
from typing import Final

import stash_pipeline
from stash_pipeline.errors import UserError
from stash_pipeline.home_names import home_name
from stash_pipeline.private_directories import make_home, make_private
from stash_pipeline.settings import get_settings

DEFINITIONS_MODULE: Final = "stash_pipeline.definitions"
# the same as in workspace.yaml and pyproject.toml: the state of sensors and schedules is stored under this name
CODE_LOCATION: Final = "stash_pipeline"

_NOTE: Final = "# Copied here by stash-pipeline at every start: changes in this file are lost.\n"


def installed_file(name: str) -> Path:
    """The path of a file of the installation: at the root of a clone, or where a wheel installs it."""
    places = [Path(stash_pipeline.__file__).resolve().parents[1] / name]
    for scheme in (None, "posix_user"):
        data = sysconfig.get_path("data") if scheme is None else sysconfig.get_path("data", scheme)
        places.append(Path(data) / "share" / "stash_pipeline" / name)
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"{name} is missing from this installation; reinstall stash-pipeline.")


def _with_parallel_runs(text: str, runs: int) -> str:
    """dagster.yaml with the number of concurrent runs, for which Dagster accepts no variable."""
    changed, count = re.subn(r"(?m)^(\s*max_concurrent_runs:) \d+$", rf"\1 {runs}", text)
    assert count == 1, "dagster.yaml has no max_concurrent_runs"
    return changed


def prepare_dagster_home(home: Path) -> Path:
    """Creates `<home>/dagster` with the dagster.yaml of this installation, and returns its path."""
    directory = home / "dagster"
    installed = installed_file("dagster.yaml").read_text()
    text = _NOTE + _with_parallel_runs(installed, get_settings().instances_in_parallel)
    file = directory / "dagster.yaml"
    try:
        make_home(home)
        make_private(directory)
        if not file.is_file() or file.read_text() != text:
            # replaced atomically: another process may be starting
            fresh = file.with_suffix(".new")
            fresh.write_text(text)
            fresh.replace(file)
    except OSError as error:
        raise UserError(
            f"Cannot write to {directory} ({error.strerror or error}); make it writable, or set "
            "STASH_PIPELINE_HOME to another directory."
        ) from error
    return directory


def socket_name(home: Path) -> str:
    """The name of the code server's socket. It contains the name of the home, which identifies its runs."""
    return f"{home_name(home)}.sock"
