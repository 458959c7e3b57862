"""Carries out ``stash-pipeline backup`` and ``restore``."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings


def _say(sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def backup(file: Path | None, out: Path | None, *, runs: bool, as_json: bool) -> None:
    """The command ``backup``.

    Raises:
        UserError: if the backup cannot be written.
    """
    from stash_pipeline.secrets import key_file
    from stash_pipeline.warehouse.backup.write import back_up, default_name, manifest_of
    from stash_pipeline.warehouse.session import open_warehouse

    target = file if file is not None else (out or Path.cwd()) / default_name()
    with open_warehouse(get_settings()) as settings:
        written = back_up(settings.database() or "", target.expanduser().absolute(), runs=runs)
    key = key_file(settings.home)
    if as_json:
        manifest = asdict(written.manifest)
        print_json(
            {"file": str(written.file), "key_file": str(key), "stored_keys": written.stored_keys, "manifest": manifest}
        )
        return
    rows = sum(written.manifest.rows.values())
    _say(f"Wrote {written.file} ({written.manifest.bytes / 1e6:.1f} MB, {rows:,} rows) and {manifest_of(target).name}.")
    if written.stored_keys:
        _say(
            f"The key file {key} is not part of it. Keep a copy of it elsewhere: without it, the stored keys of "
            f"{_servers(written.stored_keys)} cannot be read and must be entered again."
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Refuses while a web server and daemon serve this home, and keeps them from starting."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.home / ".serving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"`stash-pipeline up` is running with the home {settings.home}; stop it (Ctrl-C) and try again."
            ) from None
        yield


def restore(file: Path, *, replace: bool, as_json: bool) -> None:
    """The command ``restore``.

    Raises:
        UserError: if the backup cannot be restored; the database is then as it was.
    """
    from contextlib import ExitStack

    from stash_pipeline.runtime.unfinished_runs import end_unfinished_runs
    from stash_pipeline.secrets import key_file
    from stash_pipeline.warehouse.backup.restore import restore as run
    from stash_pipeline.warehouse.embedded.server import running_server

    settings = get_settings()
    with ExitStack() as stack:
        url = settings.database()
        if url is None:
            url = stack.enter_context(running_server(settings.home))
        stack.enter_context(_alone(settings))
        done = run(url, file.expanduser().absolute(), replace=replace)
        ended = end_unfinished_runs(settings.home, url, "The run was in progress when the backup was made.")
    if as_json:
        print_json({**asdict(done), "ended_runs": ended, "key_file": str(key_file(settings.home))})
        return
    how = f", and migrated it from schema {done.revision}" if done.upgraded else ""
    _say(f"Restored {file} ({done.rows:,} rows){how}. The search index follows with the next sync.")
    if done.missing_roles:
        _say(f"The roles {', '.join(done.missing_roles)} do not exist here; their privileges were left out.")
    if done.stored_keys and not key_file(settings.home).exists():
        _say(
            f"There is no key file {key_file(settings.home)}: copy it from where the backup was made, or enter the "
            f"keys of {_servers(done.stored_keys)} again."
        )


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count:,} servers"
