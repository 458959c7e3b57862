"""The sensor that compares every server with the tables as often as it is cheap, and reconciles those that differ.

A comparison is no run: it writes nothing and leaves no events. It takes place in the background of the code server,
under the lock of the instance, and its result is stored in ``ops.cadence``, so that neither a restart nor a tick that
ends early loses it. If something differs, the sensor launches a run, which shows and applies the difference. Where a
comparison takes long, the run itself is launched when one is due. See ``sync/cadence.py`` for the interval.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import dagster as dg

from stash_pipeline.assets.resources import StashClients, WarehouseResource
from stash_pipeline.automation.jobs import RECONCILE
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import partition_drift
from stash_pipeline.settings import Settings
from stash_pipeline.sync.cadence import FAST_SECONDS, SECOND_TICK_SECONDS, Due, balance, due
from stash_pipeline.sync.cadence_records import Cadence, cadences
from stash_pipeline.sync.comparison import compare

_RECONCILE: Final = "reconcile_sensor"
_RETRY: Final = timedelta(minutes=10)
_LOOK_SECONDS: Final = 30.0
"""New instances and other changes of the registry are seen after this time."""

_WAIT_SECONDS: Final = 15.0
"""A tick waits for comparisons, so that a difference needs no second tick. Dagster ends a tick after 60 s."""

FRESH_SHARE: Final = 0.5
"""Share of STASH_PIPELINE_FRESH_HOURS without a run after which one is launched, so that the UI has fresh checks."""


def reconcile_sensor(layers: Layers) -> dg.SensorDefinition:
    """The sensor that compares servers, and launches reconciles."""

    @dg.sensor(
        name=_RECONCILE,
        job_name=RECONCILE,
        minimum_interval_seconds=SECOND_TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Finds changes that changes_sensor cannot detect: compares every enabled instance with its server "
        "as often as STASH_PIPELINE_RECONCILE_SHARE_PERCENT of the time allows, without a run, and launches a "
        "reconcile if something differs. A tick says when each instance is compared next, and why then.",
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        clients: dg.ResourceParam[StashClients],
    ) -> dg.SensorResult | dg.SkipReason:
        return reconciles_due(context, warehouse, clients, layers, lambda: datetime.now(timezone.utc))

    return sensor


@dataclass
class _State:
    """The cursor.

    Attributes:
        requested: when a run was requested, by the uuid of the instance.
        looked: when the tables were read. next: when something is due. sentence: of that tick.
    """

    requested: dict[str, datetime] = field(default_factory=dict)
    looked: float = 0.0
    next: float = 0.0
    sentence: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> "_State":
        """The state in a cursor; an empty one if another version of this program wrote it."""
        try:
            fields = json.loads(cursor or "{}")
            requested = {uuid: datetime.fromisoformat(at) for uuid, at in fields.pop("requested", {}).items()}
            return cls(requested, **fields)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def cursor(self) -> str:
        """The state as text."""
        return json.dumps({**vars(self), "requested": {uuid: at.isoformat() for uuid, at in self.requested.items()}})


class Comparisons:
    """Comparisons in the background, at most one per instance.

    Daemon threads, because one that waits for a server must not prevent the process from ending.
    """

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}

    def running(self) -> set[str]:
        """The uuids of the instances that are being compared."""
        self._threads = {uuid: thread for uuid, thread in self._threads.items() if thread.is_alive()}
        return set(self._threads)

    def start(self, uuid: str, work: Callable[[], Any]) -> None:
        """Starts a comparison."""
        thread = threading.Thread(target=work, name="comparison", daemon=True)
        self._threads[uuid] = thread
        thread.start()

    def wait(self, uuids: Iterable[str], seconds: float) -> None:
        """Waits for comparisons to end."""
        end = time.monotonic() + seconds
        for uuid in uuids:
            self._threads[uuid].join(max(end - time.monotonic(), 0.0))


_comparisons: Final = Comparisons()


def reconciles_due(
    context: dg.SensorEvaluationContext,
    warehouse: WarehouseResource,
    clients: StashClients,
    layers: Layers,
    clock: Callable[[], datetime],
    comparisons: Comparisons = _comparisons,
) -> dg.SensorResult | dg.SkipReason:
    """The run requests of a tick, or a skip reason."""
    state, now = _State.read(context.cursor), clock()
    moment = now.timestamp()
    # the clock may have been set back since
    if moment < state.next and 0 <= moment - state.looked < _LOOK_SECONDS and not comparisons.running():
        return dg.SkipReason(state.sentence)
    state.requested = {uuid: min(at, now) for uuid, at in state.requested.items()}
    tick = _Tick(context, warehouse, clients, layers, clock, comparisons, state)
    try:
        return tick.result()
    except UserError as error:
        return dg.SkipReason(str(error))


@dataclass
class _Tick:
    """One tick that reads the tables."""

    context: dg.SensorEvaluationContext
    warehouse: WarehouseResource
    clients: StashClients
    layers: Layers
    clock: Callable[[], datetime]
    comparisons: Comparisons
    state: _State
    messages: list[str] = field(default_factory=list)
    due_runs: dict[str, tuple[str, str]] = field(default_factory=dict)
    next: list[datetime] = field(default_factory=list)

    def result(self) -> dg.SensorResult:
        """Compares what is due, and returns the run requests."""
        settings = self.warehouse.settings
        if started := self._start(settings):
            self.comparisons.wait(started, _WAIT_SECONDS)
        self._look(self.comparisons.running())
        requests = self._requests()
        state, now = self.state, self.clock()
        state.looked = now.timestamp()
        state.next = min((at.timestamp() for at in self.next), default=state.looked + _LOOK_SECONDS)
        state.sentence = "; ".join(self.messages) or "There is no enabled instance."
        if requests:
            self.context.log.info(state.sentence)
            return dg.SensorResult(run_requests=requests, cursor=state.cursor())
        return dg.SensorResult(skip_reason=state.sentence, cursor=state.cursor())

    def _read(self) -> list[tuple[Instance, Cadence]]:
        with connection_of_tick(self.warehouse) as connection:
            by_instance = cadences(connection, self.warehouse.settings.reconcile_minutes)
            instances = list_instances(connection, enabled_only=True)
        return [(instance, by_instance[instance.id]) for instance in instances if instance.id in by_instance]

    def _start(self, settings: Settings) -> set[str]:
        """Starts the comparisons that are due; returns the uuids of their instances."""
        url = self.warehouse.url()
        running = self.comparisons.running()
        started: set[str] = set()
        for instance, cadence in self._read():
            if instance.uuid in running or len(running) + len(started) >= settings.instances_in_parallel:
                continue
            if self._decide(instance, cadence).comparison:

                def work(instance: Instance = instance) -> None:
                    compare(settings, url, instance, open_client=self.clients.client)

                self.comparisons.start(instance.uuid, work)
                started.add(instance.uuid)
        return started

    def _look(self, comparing: set[str]) -> None:
        """Collects the runs that are due and the messages."""
        self.messages, self.due_runs, self.next = [], {}, []
        instances = self._read()
        uuids = {instance.uuid for instance, _ in instances}
        self.state.requested = {uuid: at for uuid, at in self.state.requested.items() if uuid in uuids}
        for instance, cadence in instances:
            if instance.uuid in comparing:
                self.messages.append(f"{instance.name} is being compared")
                self.next.append(self.clock())
                continue
            decision = self._decide(instance, cadence)
            self.messages.append(f"{instance.name} {decision.message}")
            self.next.append(decision.at)
            if decision.run:
                self.due_runs[instance.name] = (instance.uuid, decision.run)

    def _decide(self, instance: Instance, cadence: Cadence) -> "_Decision":
        settings, now = self.warehouse.settings, self.clock()
        if not cadence.was_read:
            return _Decision("was never read completely", now + timedelta(seconds=_LOOK_SECONDS))
        requested = self.state.requested.get(instance.uuid) or datetime.min.replace(tzinfo=timezone.utc)
        if cadence.outcome == "differs":
            assert cadence.compared_at is not None
            if cadence.last_run is not None and cadence.last_run > cadence.compared_at:
                # another run may have applied it
                if balance(cadence.compared, settings, now) > 0:
                    return _Decision("is compared again after a sync", now, comparison=True)
            elif now < requested + _RETRY and (requested > cadence.compared_at or cadence.fruitless):
                again = requested + _RETRY
                return _Decision(f"still differs after its last run; retrying at {again.astimezone():%H:%M:%S}", again)
            else:
                return _Decision(f"differs from its server: {cadence.detail}", now, run=cadence.detail)
        longest = timedelta(minutes=settings.reconcile_minutes)
        if cadence.outcome == "stopped" and now >= requested + longest:
            return _Decision(f"cannot be compared: {cadence.detail}", now, run="the comparison stopped")
        waits = now < requested + _RETRY
        old = timedelta(hours=settings.fresh_hours * FRESH_SHARE)
        if cadence.outcome == "equal" and not waits and (cadence.last_run is None or now - cadence.last_run > old):
            return _Decision("had no run for a while", now, run=f"no run for {old / timedelta(hours=1):g} h")
        plan = due(cadence.compared, settings, now)
        if plan.at > now or (plan.by == "run" and waits):
            return _Decision(_announced(plan), max(plan.at, now + timedelta(seconds=FAST_SECONDS)))
        if plan.by == "run":
            return _Decision("is reconciled", now, run="scheduled")
        return _Decision("is due", now, comparison=True)

    def _requests(self) -> list[dg.RunRequest]:
        if not self.due_runs:
            return []
        busy = unfinished(self.context.instance)
        # instances_sensor may not have added the partition yet
        missing, _ = partition_drift(self.context.instance, list(self.due_runs))
        requests = []
        for name, (uuid, reason) in self.due_runs.items():
            if name in busy:
                self.messages.append(f"{name} is being synced")
            elif name in missing:
                self.messages.append(f"{name} has no partition yet")
            else:
                requests.append(request(self.layers, name, "reconcile", [reason], _RECONCILE))
                self.state.requested[uuid] = self.clock()
        return requests


@dataclass(frozen=True)
class _Decision:
    """What an instance needs.

    Attributes:
        message: for the tick. at: when to look again.
        comparison: whether it is compared now. run: why a run is needed now.
    """

    message: str
    at: datetime
    comparison: bool = False
    run: str | None = None


def _announced(plan: Due) -> str:
    verb = "compared" if plan.by == "comparison" else "reconciled"
    return f"is {verb} again at {plan.at.astimezone():%H:%M:%S} ({plan.every:.0f} s after the last time: {plan.reason})"
