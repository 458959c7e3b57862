"""The Stash servers: whether each responds, which release it runs, whether its key is accepted, its clock."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from stash_pipeline.doctor.database import clock
from stash_pipeline.doctor.finding import Finding, broken, ok
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.connection_test import check_connection
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.probing import probe

_SECONDS: Final = 10.0
_AT_ONCE: Final = 16
_VERSION: Final = "{version {version}}"
_KEYS: Final = ("key_unreadable", "wrong_key", "key_needed", "key_not_wanted", "forbidden")


def of_servers(instances: Sequence[Instance], settings: Settings) -> Iterable[Finding]:
    """The enabled servers, several at a time."""
    if not instances:
        return
    with ThreadPoolExecutor(min(len(instances), _AT_ONCE)) as pool:
        for findings in pool.map(lambda instance: _of_server(instance, settings), instances):
            yield from findings


def _of_server(instance: Instance, settings: Settings) -> list[Finding]:
    name, what = instance.name, f"server {instance.name}"
    again = f"Then `stash-pipeline instances test {name}`."
    change_key = f"`stash-pipeline instances edit {name} --api-key-stdin`."
    try:
        access = instance.access(settings.home)
    except UserError as error:
        return [broken(what, str(error), change_key)]
    timeout = min(settings.connect_timeout_seconds, _SECONDS)
    report = check_connection(instance.url, access=access, timeout=_SECONDS, connect_timeout=timeout)
    if report.outcome == "ok":
        key = "with its key" if report.key_used else "without a key"
        sentence = f"{report.release} responds {key} in {report.seconds:.2f} s."
        return [ok(what, sentence), *_clock(instance, settings)]
    if report.outcome in _KEYS:
        remedy = f"{change_key} {again}"
    elif report.outcome in ("too_old", "setup_pending", "migration_pending", "server_error"):
        remedy = f"Correct that on the server. {again}"
    else:
        remedy = (
            f"Start the server; if it has moved: `stash-pipeline instances edit {name} --url URL`; to stop syncing it: "
            f"`stash-pipeline instances disable {name}`."
        )
    return [broken(what, report.message, remedy)]


def _clock(instance: Instance, settings: Settings) -> list[Finding]:
    """The difference to the clock of the server, by the date of a response."""
    try:
        with instance.client(settings) as client:
            probe(client, _VERSION, time.monotonic() + _SECONDS)
            # whole seconds, cut off
            difference = client.now().timestamp() + 0.5 - time.time()
    except (StashError, UserError):
        return []
    return [clock(f"clock of {instance.name}", difference)]
