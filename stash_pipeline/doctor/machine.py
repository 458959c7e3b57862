"""This machine: Python and packages, the settings, the home, its disk, the key file."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from stash_pipeline.doctor.finding import Finding, broken, note, ok
from stash_pipeline.errors import UserError
from stash_pipeline.secrets import KEY_FILE
from stash_pipeline.secrets import key_file as key_file_in_use
from stash_pipeline.settings import ENV_PREFIX, Settings
from stash_pipeline.unknown_variables import unknown_variables

_NEWEST_TESTED: Final = (3, 13)
_LITTLE_MB: Final = 2048
_TOO_LITTLE_MB: Final = 200
_ROOM: Final = "Free some space, or move the home to another disk and set STASH_PIPELINE_HOME."


def of_machine(settings: Settings) -> Iterator[Finding]:
    """Everything but the key file, which depends on the database."""
    yield from _packages()
    yield from _variables()
    yield from _home(settings.home)
    yield disk_of(settings.home, "disk of the home")
    yield from _notifications(settings)


def _packages() -> Iterator[Finding]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.version_info[:2] > _NEWEST_TESTED:
        newest = ".".join(map(str, _NEWEST_TESTED))
        yield note("Python", f"Python {python} is newer than those that are tested.", f"Use Python 3.10 to {newest}.")
    else:
        yield ok("Python", f"Python {python}.")
    wrong = []
    for line in requires("stash-pipeline") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    if wrong:
        yield broken("packages", f"Packages do not fit: {', '.join(wrong)}.", "Install stash-pipeline again.")
    else:
        yield ok("packages", f"stash-pipeline {version('stash-pipeline')}, Dagster {version('dagster')}.")


def _variables() -> Iterator[Finding]:
    for sentence in unknown_variables():
        yield note("settings", f"{sentence.rstrip('.')}.", "Correct or unset the variable.")


def _home(home: Path) -> Iterator[Finding]:
    if not home.is_dir():
        yield ok("home", f"{home} does not exist yet.")
    elif not os.access(home, os.W_OK | os.X_OK):
        yield broken("home", f"{home} is not writable.", f"chown it to this user, or set {ENV_PREFIX}HOME.")
    elif home.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield note("home", f"Others can enter {home}, which has logs and the key file.", f"chmod go-rwx {home}")
    else:
        yield ok("home", f"{home}.")


def disk_of(folder: Path, what: str) -> Finding:
    """The free space of a folder's disk."""
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free = usage.free >> 20
    sentence = f"{free:,} MB of {usage.total >> 20:,} MB are free."
    if free < _TOO_LITTLE_MB:
        return broken(what, sentence, _ROOM)
    return note(what, sentence, _ROOM) if free < _LITTLE_MB else ok(what, sentence)


def _notifications(settings: Settings) -> Iterator[Finding]:
    from stash_pipeline.notifications.sending import addresses

    try:
        count = len(addresses(settings))
    except UserError as error:
        yield note("notifications", str(error), "Then try `stash-pipeline notify test`.")
        return
    if count:
        yield ok("notifications", f"{count} addresses; `stash-pipeline notify test` tries them.")


def key_file(home: Path, stored: int) -> Finding:
    """The key file, given how many servers have keys or headers that are encrypted with it."""
    file = key_file_in_use(home)
    what = "key file"
    servers = "1 server" if stored == 1 else f"{stored} servers"
    if not file.exists():
        if not stored:
            return ok(what, "No stored keys, so none is needed.")
        again = "enter the keys again: `stash-pipeline instances edit NAME --api-key-stdin`."
        missing = f"{file} is missing; the keys of {servers} are encrypted with it."
        return broken(what, missing, f"Copy it from where you keep it, or {again}")
    # a given file can be a secret of an engine of containers, which sets its mode
    if file == home / KEY_FILE and file.stat().st_mode & 0o077:
        return broken(what, f"Others can read {file}.", f"chmod 600 {file}")
    if not stored:
        return ok(what, f"{file}; no stored key needs it.")
    return ok(what, f"{file}, for the keys of {servers}. Keep a copy; backups do not have it.")
