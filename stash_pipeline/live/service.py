"""The warm process: follows hints by runs of Dagster in this process, one at a time.

It imports everything once, and keeps connections. A hint costs one small request to its server; only if that shows a
change, a run is launched. A run that another process executes for the same instance comes first. Sensors and schedules
work as without this process: a hint that is lost costs nothing but time.
"""

import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

import dagster as dg
import psutil

from stash_pipeline.assets.checks import checks_of
from stash_pipeline.assets.tags import MODE_TAG, REASON_TAG, REQUESTED_BY_TAG, shortened
from stash_pipeline.automation.jobs import JOB_OF_MODE, step_config
from stash_pipeline.automation.run_requests import unfinished
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances, stored_probes
from stash_pipeline.live.hints import CONNECTED, Batch, Hint, Inbox
from stash_pipeline.live.state import write_state
from stash_pipeline.live.subscriptions import Listener
from stash_pipeline.live.tokens import token_of
from stash_pipeline.live.webhook import Webhook
from stash_pipeline.partitions import partition_drift, sync_partitions
from stash_pipeline.runtime.in_process import run_job
from stash_pipeline.settings import Settings
from stash_pipeline.stash.errors import StashError
from stash_pipeline.sync.dry_run import dry_run
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.server_probe import Question, ask
from stash_pipeline.warehouse.connect import connect, is_written

_log = logging.getLogger(__name__)

REQUESTED_BY: Final = "live"

_REGISTRY_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 0.3
_LONGEST_BUSY_SECONDS: Final = 5.0
_BUSY_GROWTH: Final = 1.05
_MOST_TRIES: Final = 300
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 600.0
_LOCK_SECONDS: Final = 60.0
"""A comparison can begin between the look and the run, and takes up to 50 s."""


MOST_RUNS: Final = 5000
MOST_GROWTH_BYTES: Final = 400 << 20
"""Growth of the memory, since the second run, after which the process starts again."""


@dataclass
class _Followed:
    """What is known about one instance.

    Attributes:
        hints, last_hint, via: how many arrived, when and how the last one did.
        runs, last_run: of this process, for this instance.
        digest: of the response for which the last run was launched.
        silences: requests in a row without an answer.
        failures: runs that failed one after the other. not_before: time of the next run.
    """

    hints: int = 0
    last_hint: str | None = None
    via: str | None = None
    runs: int = 0
    last_run: str | None = None
    digest: str = ""
    silences: int = 0
    failures: int = 0
    not_before: float = 0.0


@dataclass
class Service:
    """Follows the hints of all enabled instances.

    Args:
        settings: with the address of a database that is ready.
    """

    settings: Settings
    dagster: dg.DagsterInstance
    inbox: Inbox = field(default_factory=Inbox)
    instances: dict[str, Instance] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._followed: dict[str, _Followed] = {}
        self._read_registry_at = 0.0
        self._memory: int | None = None
        self._written: dict[str, Any] = {}
        self.webhook = (
            Webhook(self.settings.webhook_host, self.settings.webhook_port, self.receive)
            if self.settings.webhook_port
            else None
        )

    def close(self) -> None:
        """Ends the webhook and the connections."""
        if self.webhook is not None:
            self.webhook.close()
        for listener in self._listeners.values():
            listener.close()

    def receive(self, uuid: str, hint: Hint) -> None:
        """Takes a hint, from any thread."""
        followed = self._followed.get(uuid)
        if followed is not None and hint.via != CONNECTED:
            followed.hints += 1
            followed.last_hint, followed.via = _now(), hint.via
        self.inbox.add(uuid, hint)

    def serve(self) -> None:
        """Follows hints until the process should start again."""
        while not self.is_worn():
            self.step(1.0)

    def step(self, timeout: float) -> None:
        """Follows one batch of hints, if one is due within the timeout."""
        batch = None
        try:
            if time.monotonic() >= self._read_registry_at:
                self._read_registry()
                self._read_registry_at = time.monotonic() + _REGISTRY_SECONDS
            batch = self.inbox.take(timeout)
            if batch is not None and batch[0] in self.instances:
                self._follow(self.instances[batch[0]], batch[1])
            self._write_state()
        except Exception as error:
            # Postgres was restarted, or a key file is missing. The process must go on, because `up` ends with it
            if batch is not None and batch[1].tries < _MOST_TRIES:
                self.inbox.postpone(*batch, _FIRST_PAUSE)
            _log.warning(
                "Hints cannot be followed now (%s).", error if isinstance(error, UserError) else type(error).__name__
            )
            _log.debug("The cause:", exc_info=error)
            time.sleep(1.0)

    def is_worn(self) -> bool:
        """Whether the memory has grown so much, or so many runs were executed, that a new process is due."""
        if self._memory is None:
            return False
        return self.runs >= MOST_RUNS or _resident() - self._memory > MOST_GROWTH_BYTES

    # -- the registry ----------------------------------------------------------------------------------------

    def _read_registry(self) -> None:
        with connect(self.settings.database() or "") as connection:
            enabled = list_instances(connection, enabled_only=True)
        self.instances = {instance.uuid: instance for instance in enabled}
        for uuid in self._listeners.keys() - self.instances.keys():
            self._listeners.pop(uuid).close()
        for uuid, instance in self.instances.items():
            self._followed.setdefault(uuid, _Followed())
            listener = self._listeners.get(uuid)
            if listener is not None and _identity(listener.instance) == _identity(instance):
                continue
            if listener is not None:
                listener.close()
            self._listeners[uuid] = Listener(self.settings, instance, lambda hint, uuid=uuid: self.receive(uuid, hint))  # type: ignore[misc]
        self.inbox.forget(set(self.instances))
        if self.webhook is not None:
            home = self.settings.home
            self.webhook.tokens = {uuid: token_of(home, uuid) for uuid in self.instances}

    # -- following -------------------------------------------------------------------------------------------

    def _follow(self, instance: Instance, batch: Batch) -> None:
        followed = self._followed[instance.uuid]
        if (wait := followed.not_before - time.monotonic()) > 0:
            self.inbox.postpone(instance.uuid, batch, wait)
            return
        with connect(self.settings.database() or "") as connection:
            stored = stored_probes(connection).get(instance.id)
            busy = is_written(connection, instance.id) or instance.name in unfinished(self.dagster)
        if stored is None:
            # the first read of a library is long; the sensor launches it beside this process
            return
        if busy:
            # another run may have read the server before the change, and a comparison reads and writes nothing
            if batch.tries < _MOST_TRIES:
                wait = min(_BUSY_SECONDS * _BUSY_GROWTH ** min(batch.tries, 100), _LONGEST_BUSY_SECONDS)
                self.inbox.postpone(instance.uuid, batch, wait)
            return
        question = Question(instance, *stored)
        answer = ask(self.settings, [question])[instance.uuid]
        if answer.error is not None:
            # the hints are kept until the server answers, because they can name what its counts do not show
            followed.silences += 1
            self.inbox.postpone(instance.uuid, batch, _pause(followed.silences))
            return
        followed.silences = 0
        # the same response again: the run for it did not bring the tables to it, and another would not either
        if answer.reasons and answer.digest != followed.digest:
            followed.digest = answer.digest
            reasons = ", ".join(answer.reasons)
            self._run(instance, "changes", {}, f"hint ({', '.join(sorted(batch.via))}): {reasons}")
            return
        for entity, ids in sorted(batch.ids.items()):
            if self._differs(instance, entity, ids):
                reason = f"hint ({', '.join(sorted(batch.via))}): {len(ids)} {entity}"
                self._run(instance, "objects", {"entities": [entity], "ids": sorted(ids)}, reason)

    def _differs(self, instance: Instance, entity: str, ids: set[int]) -> bool:
        """Whether one of these objects differs from the stored one, although the server's counts and times do not.

        Times have a resolution of one second, so that a second edit within a second changes none of them.
        """
        try:
            result, _ = dry_run(
                self.settings,
                self.settings.database() or "",
                instance,
                [entity],
                mode="objects",
                objects={entity: ids},
                lane="graphql",
            )
        except (StashError, UserError) as error:
            _log.info("%s: %s", instance.name, error)
            return False
        return any(change.changed for change in result.changes.values())

    def _run(self, instance: Instance, mode: Mode, config: dict[str, Any], reason: str) -> None:
        followed = self._followed[instance.uuid]
        missing, _ = partition_drift(self.dagster, [each.name for each in self.instances.values()])
        if missing:
            with connect(self.settings.database() or "") as connection:
                sync_partitions(self.dagster, [each.name for each in list_instances(connection)])
        result = run_job(
            JOB_OF_MODE[mode],
            instance=self.dagster,
            partition_key=instance.name,
            run_config=step_config(mode=mode, wait_seconds=_LOCK_SECONDS, **config),
            checks=checks_of(mode),
            tags={MODE_TAG: mode, REASON_TAG: shortened(reason), REQUESTED_BY_TAG: REQUESTED_BY},
        )
        self.runs += 1
        followed.runs += 1
        followed.last_run = _now()
        if self._memory is None and self.runs > 1:
            self._memory = _resident()
        if result.success:
            followed.failures = 0
        else:
            _log.warning("%s: a run for a hint failed: %s", instance.name, result.failure)
            # not tried again here: a safeguard can have stopped it, and the sensor tries again
            followed.failures += 1
            followed.not_before = time.monotonic() + _pause(followed.failures)

    # -- the state -------------------------------------------------------------------------------------------

    def _write_state(self) -> None:
        state = {
            "runs": self.runs,
            "webhook": None if self.webhook is None else f"{self.settings.webhook_host}:{self.webhook.port}",
            "instances": {
                uuid: {
                    "hints": followed.hints,
                    "last_hint": followed.last_hint,
                    "via": followed.via,
                    "runs": followed.runs,
                    "last_run": followed.last_run,
                    "subscriptions": self._listeners[uuid].state if uuid in self._listeners else None,
                }
                for uuid, followed in list(self._followed.items())
                if uuid in self.instances
            },
        }
        if state != self._written:
            write_state(self.settings.home, state)
            self._written = state


def _identity(instance: Instance) -> tuple[Any, ...]:
    """What a connection depends on."""
    return (
        instance.url, instance.api_key_encrypted, instance.api_key_env, instance.ca_file, instance.headers_encrypted,
        instance.basic_auth_env, instance.client_cert, instance.client_key,
    )  # fmt: skip


def _pause(failures: int) -> float:
    """The seconds until the next try, after so many failures in a row."""
    return min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _resident() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)


def serve(settings: Settings) -> None:
    """Serves until Ctrl-C or SIGTERM; returns when the process should be replaced by a new one.

    Args:
        settings: with the address of a database that is ready.
    """
    from stash_pipeline.runtime.in_process import dagster_instance

    with ExitStack() as stack:
        dagster = stack.enter_context(dagster_instance(settings.home))
        service = Service(settings, dagster)
        stack.callback(service.close)
        service.serve()
