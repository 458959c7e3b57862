"""The sensors, which poll while the daemon runs.

A tick without changes costs one connection to Postgres and one small request per server; it does not query Dagster's
runs.
"""

import json
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import dagster as dg
from pydantic import BaseModel, ValidationError

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.jobs import REFRESH
from stash_pipeline.automation.run_requests import connection_of_tick, request, unfinished
from stash_pipeline.automation.servers import evaluation
from stash_pipeline.errors import UserError
from stash_pipeline.instances import list_instances
from stash_pipeline.layers import Layers
from stash_pipeline.partitions import BOXES, INSTANCES, partition_drift
from stash_pipeline.settings import Settings
from stash_pipeline.stashbox_registry import list_endpoints
from stash_pipeline.sync.cadence import ANSWERS, FAST_SECONDS, TICK_SECONDS, asking
from stash_pipeline.sync.cadence_records import record_asking
from stash_pipeline.sync.server_probe import ProbeResult, Question, ask, digest_of, questions

_CHANGES: Final = "changes_sensor"
_STEP_SECONDS: Final = 30

_FIRST_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 600.0
_RETRY_SECONDS: Final = 600.0


class _State(BaseModel):
    """The state of one instance between ticks.

    Attributes:
        failures: consecutive failed requests to the server.
        error: of the last failed request.
        not_before: time of the next request to the server.
        reported: whether the check in the UI says that the server does not respond.
        refreshed: digest of the response at the last sync.
        requested: digest of the response for which a run was requested.
        requested_at: time of that request.
        since: digest of the response when the run was requested; it changes with a successful sync.
        milliseconds: that its last answers took. asked_at: time of the last request.
        every, basis: how often it is asked, and what that is based on, as recorded in the database.
    """

    failures: int = 0
    error: str = ""
    not_before: float = 0.0
    reported: bool = False
    refreshed: str = ""
    requested: str = ""
    requested_at: float = 0.0
    since: str = ""
    milliseconds: list[float] = []
    asked_at: float = 0.0
    every: float | None = None
    basis: str = ""


def _read(cursor: str | None, now: float) -> dict[str, _State]:
    try:
        states = {uuid: _State(**state) for uuid, state in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError, ValidationError):
        # written by another version of this program
        return {}
    for state in states.values():
        # the clock may have been set back since: no server waits until it has caught up
        state.asked_at, state.requested_at = min(state.asked_at, now), min(state.requested_at, now)
        state.not_before = min(state.not_before, now + _LONGEST_WAIT)
    return states


def _write(states: Mapping[str, _State]) -> str:
    return json.dumps({uuid: state.model_dump() for uuid, state in states.items()})


def changes_sensor(settings: Settings, layers: Layers) -> dg.SensorDefinition:
    """The sensor that asks every server for changes, those with fast answers at every tick."""
    fast = settings.fast_answer_milliseconds > 0

    @dg.sensor(
        name=_CHANGES,
        job_name=REFRESH,
        minimum_interval_seconds=min(TICK_SECONDS, settings.changes_seconds) if fast else settings.changes_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks the server of every enabled instance in one small request whether anything changed, and "
        "launches a refresh if it did. Asks every 5 s where an answer takes less than "
        "STASH_PIPELINE_FAST_ANSWER_MILLISECONDS, else every STASH_PIPELINE_CHANGES_SECONDS. A server that does not "
        "respond is asked less and less often, and is reported by the asset check `server_reachable` of raw/pages.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            with connection_of_tick(warehouse) as connection:
                probes = questions(connection)
        except UserError as error:
            return dg.SkipReason(str(error))
        return _Tick(context, warehouse, layers, probes, time.time()).result()

    return sensor


class _Tick:
    """One tick: asks all servers."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        warehouse: WarehouseResource,
        layers: Layers,
        questions: list[Question],
        now: float,
    ) -> None:
        before = _read(context.cursor, now)
        self.context = context
        self.warehouse = warehouse
        self.settings = warehouse.settings
        self.layers = layers
        self.now = now
        self.questions = questions
        # removed instances are dropped from the state
        self.states = {question.instance.uuid: before.get(question.instance.uuid, _State()) for question in questions}
        self.report_outdated = any(state.reported for uuid, state in before.items() if uuid not in self.states)
        self.unchanged: list[str] = []
        self.messages: list[str] = []

    def result(self) -> dg.SensorResult:
        """Asks the servers, and returns the run requests."""
        changed = self._changed()
        busy = unfinished(self.context.instance) if changed else set()
        names: list[str] = []
        requests: list[dg.RunRequest] = []
        for question, answer in changed:
            name, state = question.instance.name, self.states[question.instance.uuid]
            if name in busy:
                self.messages.append(f"{name} changed and is being synced")
                continue
            if self._was_requested(state, question, answer):
                wait = state.requested_at + _RETRY_SECONDS - self.now
                self.messages.append(f"{name} still differs after its last run; retrying in {wait:.0f} s")
                continue
            state.requested, state.requested_at, state.since = answer.digest, self.now, digest_of(question.before)
            names.append(name)
            requests.append(request(self.layers, name, "changes", answer.reasons, _CHANGES))
        events = self._events()
        intervals = self._intervals()
        cursor = _write(self.states)
        if not requests:
            return dg.SensorResult(skip_reason=self._sentence(intervals), cursor=cursor, asset_events=events)
        if self.messages:
            self.context.log.info("; ".join(self.messages))
        # a new instance may have no partition yet, and a request for a missing partition would fail the tick
        missing, _ = partition_drift(self.context.instance, names)
        return dg.SensorResult(
            run_requests=requests,
            cursor=cursor,
            asset_events=events,
            dynamic_partitions_requests=[INSTANCES.build_add_request(missing)] if missing else [],
        )

    def _events(self) -> list[dg.AssetCheckEvaluation]:
        """The evaluation of the check `server_reachable`, if it differs from the one in the UI.

        Dagster considers a check outdated if it is older than its asset, and every sync writes raw/pages.
        """
        silent = {}
        outdated = self.report_outdated
        for question in self.questions:
            state = self.states[question.instance.uuid]
            if state.error:
                silent[question.instance.name] = state.error
            now = (bool(state.error), digest_of(question.before))
            outdated |= now != (state.reported, state.refreshed)
            state.reported, state.refreshed = now
        return [evaluation(silent, len(self.questions) - len(silent))] if outdated else []

    def _changed(self) -> list[tuple[Question, ProbeResult]]:
        """The instances with changes; collects messages about the others."""
        due = [question for question in self.questions if self._is_due(self.states[question.instance.uuid])]
        answers = ask(self.settings, due) if due else {}
        changed = []
        for question in self.questions:
            name, state = question.instance.name, self.states[question.instance.uuid]
            answer = answers.get(question.instance.uuid)
            if answer is None:
                if state.error:
                    self._wait(name, state)
                continue
            state.asked_at = self.now
            if not answer.asked:
                self.messages.append(f"{name} was not asked because other servers took too long")
                continue
            if answer.error is not None:
                self._record_failure(name, state, answer)
                continue
            state.failures, state.error, state.not_before = 0, "", 0.0
            if answer.milliseconds is not None:
                state.milliseconds = [*state.milliseconds, round(answer.milliseconds, 1)][-ANSWERS:]
            if answer.reasons:
                changed.append((question, answer))
            else:
                self.unchanged.append(name)
        return changed

    def _is_due(self, state: _State) -> bool:
        if state.not_before > self.now:
            return False
        interval = asking(state.milliseconds, self.settings, state.every).seconds
        # at every tick, or a little early rather than a tick late
        early = FAST_SECONDS / 2
        return not state.milliseconds or interval <= FAST_SECONDS or state.asked_at + interval - early <= self.now

    def _intervals(self) -> str:
        """How often each server is asked, and why; a new interval is recorded for `status`."""
        chosen: dict[float, list[str]] = {}
        new = []
        for question in self.questions:
            state = self.states[question.instance.uuid]
            choice = asking(state.milliseconds, self.settings, state.every)
            if (choice.seconds, choice.basis) != (state.every, state.basis):
                state.every, state.basis = choice.seconds, choice.basis
                new.append((question.instance.id, choice))
            measured = f" ({median(state.milliseconds):.0f} ms)" if state.milliseconds else ""
            chosen.setdefault(choice.seconds, []).append(f"{question.instance.name}{measured}")
        if new:
            try:
                with connection_of_tick(self.warehouse) as connection:
                    for instance_id, choice in new:
                        record_asking(connection, instance_id, choice.seconds, choice.reason)
            except UserError as error:
                self.context.log.warning(str(error))
        return "; ".join(f"every {seconds:g} s: {', '.join(names)}" for seconds, names in sorted(chosen.items()))

    def _was_requested(self, state: _State, question: Question, answer: ProbeResult) -> bool:
        """Whether a run was requested recently, for the same response or without success."""
        recent = state.requested_at + _RETRY_SECONDS > self.now
        return recent and (state.requested == answer.digest or state.since == digest_of(question.before))

    def _record_failure(self, name: str, state: _State, answer: ProbeResult) -> None:
        state.failures, state.error = state.failures + 1, answer.error or ""
        if answer.temporary:
            state.not_before = self.now + min(_FIRST_WAIT * 2 ** min(state.failures - 1, 10), _LONGEST_WAIT)
            self._wait(name, state)
        else:
            # no request was sent, so the next tick may try again
            self.messages.append(f"{name} cannot be asked: {state.error}")

    def _wait(self, name: str, state: _State) -> None:
        self.messages.append(f"{name} is asked again in {state.not_before - self.now:.0f} s: {state.error}")

    def _sentence(self, intervals: str) -> str:
        if not self.questions:
            return "There is no enabled instance."
        unchanged = [f"nothing changed on {', '.join(self.unchanged)}"] if self.unchanged else []
        outcome = "; ".join([*unchanged, *self.messages]) or "no server is due"
        return f"{outcome}. Asked {intervals}"


@dg.sensor(
    name="instances_sensor",
    minimum_interval_seconds=_STEP_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions in sync with the registries of instances and stash-boxes.",
)
def instances_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
) -> dg.SensorResult | dg.SkipReason:
    """Adds and removes partitions."""
    try:
        with connection_of_tick(warehouse) as connection:
            registered = {
                INSTANCES: [instance.name for instance in list_instances(connection)],
                BOXES: [endpoint.name for endpoint in list_endpoints(connection)],
            }
    except UserError as error:
        return dg.SkipReason(str(error))
    requests: list[Any] = []
    done = []
    for partitions, names in registered.items():
        added, removed = partition_drift(context.instance, names, partitions)
        if added:
            requests.append(partitions.build_add_request(added))
            done.append(f"added {', '.join(added)}")
        if removed:
            requests.append(partitions.build_delete_request(removed))
            done.append(f"removed {', '.join(removed)}")
    if not requests:
        return dg.SkipReason("The partitions match the registries.")
    return dg.SensorResult(skip_reason="; ".join(done), dynamic_partitions_requests=requests)
