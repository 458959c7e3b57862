"""The sensors: what is looked at all the time while the daemon runs.

A tick in which nothing changed costs one connection to Postgres, one small request per server, and no look at
Dagster's runs.
"""

import json
import time
from collections.abc import Mapping
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
from stash_pipeline.partitions import INSTANCES, partition_drift
from stash_pipeline.sync.server_probe import Found, Question, ask, digest_of, questions

_CHANGES: Final = "changes_sensor"
_STEP_SECONDS: Final = 30

_FIRST_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 600.0
_ASK_AGAIN_SECONDS: Final = 600.0


class _Known(BaseModel):
    """What the sensor keeps of one instance between its ticks.

    Attributes:
        failures: in a row, to ask the server. trouble: of the last. not_before: it is not asked again until then.
        reported: whether the page says that it does not answer. refreshed: digest of the answer at its last refresh.
        asked: digest of the answer for which a run was requested. asked_at: when.
        since: digest of the answer that the run was to get away from; it is another one after a good refresh.
    """

    failures: int = 0
    trouble: str = ""
    not_before: float = 0.0
    reported: bool = False
    refreshed: str = ""
    asked: str = ""
    asked_at: float = 0.0
    since: str = ""


def _read(cursor: str | None) -> dict[str, _Known]:
    try:
        return {uuid: _Known(**kept) for uuid, kept in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError, ValidationError):
        # of another version of this program
        return {}


def _write(known: Mapping[str, _Known]) -> str:
    return json.dumps({uuid: kept.model_dump() for uuid, kept in known.items()})


def changes_sensor(seconds: int, layers: Layers) -> dg.SensorDefinition:
    """The sensor that asks every server, every so many seconds."""

    @dg.sensor(
        name=_CHANGES,
        job_name=REFRESH,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks every enabled instance in one small request whether anything changed, and has those "
        "refreshed on which something did. A server that does not answer is asked ever less often, and named by the "
        "asset check `servers_answer` of raw/pages.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            with connection_of_tick(warehouse) as connection:
                asked = questions(connection)
        except UserError as error:
            return dg.SkipReason(str(error))
        return _Tick(context, warehouse, layers, asked, time.time()).result()

    return sensor


class _Tick:
    """One look at all servers."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        warehouse: WarehouseResource,
        layers: Layers,
        asked: list[Question],
        now: float,
    ) -> None:
        before = _read(context.cursor)
        self.context = context
        self.settings = warehouse.settings
        self.layers = layers
        self.now = now
        self.questions = asked
        # those that are gone are forgotten
        self.known = {question.instance.uuid: before.get(question.instance.uuid, _Known()) for question in asked}
        self.forgotten = any(kept.reported for uuid, kept in before.items() if uuid not in self.known)
        self.unchanged: list[str] = []
        self.others: list[str] = []

    def result(self) -> dg.SensorResult:
        """Asks, and says what is to be done."""
        changed = self._changed()
        busy = unfinished(self.context.instance) if changed else set()
        wanted: list[str] = []
        requests: list[dg.RunRequest] = []
        for question, found in changed:
            name, kept = question.instance.name, self.known[question.instance.uuid]
            if name in busy:
                self.others.append(f"{name} changed, and is being refreshed")
                continue
            if self._was_asked(kept, question, found):
                again = kept.asked_at + _ASK_AGAIN_SECONDS - self.now
                self.others.append(f"{name} changed, and its run did not bring that; another one in {again:.0f} s")
                continue
            kept.asked, kept.asked_at, kept.since = found.digest, self.now, digest_of(question.before)
            wanted.append(name)
            requests.append(request(self.layers, name, "changes", found.reasons, _CHANGES))
        events = self._events()
        cursor = _write(self.known)
        if not requests:
            return dg.SensorResult(skip_reason=self._sentence(), cursor=cursor, asset_events=events)
        if self.others:
            self.context.log.info("; ".join(self.others))
        # an instance that was added a moment ago: a request for a partition that is not there would fail the tick
        missing, _ = partition_drift(self.context.instance, wanted)
        return dg.SensorResult(
            run_requests=requests,
            cursor=cursor,
            asset_events=events,
            dynamic_partitions_requests=[INSTANCES.build_add_request(missing)] if missing else [],
        )

    def _events(self) -> list[dg.AssetCheckEvaluation]:
        """For the page: which servers do not answer, when that is not what it says already.

        Dagster takes a check for not evaluated that is older than what it is of: every refresh writes raw/pages.
        """
        silent = {}
        news = self.forgotten
        for question in self.questions:
            kept = self.known[question.instance.uuid]
            if kept.trouble:
                silent[question.instance.name] = kept.trouble
            now = (bool(kept.trouble), digest_of(question.before))
            news |= now != (kept.reported, kept.refreshed)
            kept.reported, kept.refreshed = now
        return [evaluation(silent, len(self.questions) - len(silent))] if news else []

    def _changed(self) -> list[tuple[Question, Found]]:
        """The instances on which something changed; of the others it is noted what there is to say."""
        due = [question for question in self.questions if self.known[question.instance.uuid].not_before <= self.now]
        found = ask(self.settings, due)
        changed = []
        for question in self.questions:
            name, kept = question.instance.name, self.known[question.instance.uuid]
            answer = found.get(question.instance.uuid)
            if answer is None:
                self._wait(name, kept)
                continue
            if not answer.asked:
                self.others.append(f"{name} was not asked: other servers took all the time")
                continue
            if answer.trouble is not None:
                self._failed(name, kept, answer)
                continue
            kept.failures, kept.trouble, kept.not_before = 0, "", 0.0
            if answer.reasons:
                changed.append((question, answer))
            else:
                self.unchanged.append(name)
        return changed

    def _was_asked(self, kept: _Known, question: Question, answer: Found) -> bool:
        """Whether a run was requested a short while ago, for the same or without success."""
        recent = kept.asked_at + _ASK_AGAIN_SECONDS > self.now
        return recent and (kept.asked == answer.digest or kept.since == digest_of(question.before))

    def _failed(self, name: str, kept: _Known, answer: Found) -> None:
        kept.failures, kept.trouble = kept.failures + 1, answer.trouble or ""
        if answer.passing:
            kept.not_before = self.now + min(_FIRST_WAIT * 2 ** min(kept.failures - 1, 10), _LONGEST_WAIT)
            self._wait(name, kept)
        else:
            # nothing was sent: it may be looked at again at once
            self.others.append(f"{name} cannot be asked: {kept.trouble}")

    def _wait(self, name: str, kept: _Known) -> None:
        self.others.append(f"{name} is asked again in {kept.not_before - self.now:.0f} s: {kept.trouble}")

    def _sentence(self) -> str:
        if not self.questions:
            return "There is no enabled instance."
        unchanged = [f"nothing changed on {', '.join(self.unchanged)}"] if self.unchanged else []
        return "; ".join([*unchanged, *self.others])


@dg.sensor(
    name="instances_sensor",
    minimum_interval_seconds=_STEP_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions in step with the registry of instances, whoever edits it.",
)
def instances_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
) -> dg.SensorResult | dg.SkipReason:
    """Adds and removes partitions."""
    try:
        with connection_of_tick(warehouse) as connection:
            names = [instance.name for instance in list_instances(connection)]
    except UserError as error:
        return dg.SkipReason(str(error))
    added, removed = partition_drift(context.instance, names)
    if not added and not removed:
        return dg.SkipReason("The partitions are those of the registry.")
    requests: list[Any] = []
    done = []
    if added:
        requests.append(INSTANCES.build_add_request(added))
        done.append(f"added {', '.join(added)}")
    if removed:
        requests.append(INSTANCES.build_delete_request(removed))
        done.append(f"removed {', '.join(removed)}")
    return dg.SensorResult(skip_reason="; ".join(done), dynamic_partitions_requests=requests)
