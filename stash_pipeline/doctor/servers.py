"""The Stash servers: whether each responds, which release it runs, whether its key is accepted, its clock."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from stash_pipeline.doctor.database import clock
from stash_pipeline.doctor.finding import Finding, broken, ok
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.access import Access
from stash_pipeline.stash.connection_test import check_connection
from stash_pipeline.stash.errors import StashError

_SECONDS: Final = 10.0
_AT_ONCE: Final = 16
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
        return [ok(what, sentence), *_clock(instance, access)]
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


def _clock(instance: Instance, access: Access) -> list[Finding]:
    """The difference to the clock of the server or its proxy, by the header of a response that needs no key."""
    try:
        started = time.time()
        with httpx.Client(verify=access.ssl_context(instance.url), timeout=_SECONDS, trust_env=False) as client:
            header = client.head(instance.url).headers.get("date")
        middle = (started + time.time()) / 2
        if header is None:
            return []
        # the header has whole seconds
        difference = parsedate_to_datetime(header).timestamp() + 0.5 - middle
    except (httpx.HTTPError, StashError, ValueError, TypeError, OSError):
        return []
    return [clock(f"clock of {instance.name}", difference)]
