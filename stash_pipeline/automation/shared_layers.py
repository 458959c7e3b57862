"""The sensor of the layers that are made of all instances: it has those follow that no refresh took along.

A refresh lets them follow at its end. What it leaves: a layer that another run was working on, one that failed, one of
another version, and changes that no refresh makes, such as an instance that is removed or gets another priority.
"""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import dagster as dg
from pydantic import BaseModel, ValidationError

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.specs import check_spec, is_current_spec, keys_of
from stash_pipeline.assets.tags import MODE_TAG, REASON_TAG, REQUESTED_BY_TAG, shortened
from stash_pipeline.automation.jobs import FOLLOW
from stash_pipeline.automation.run_requests import connection_of_tick, is_going_on
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.warehouse.layers.layer import SharedLayer, shared
from stash_pipeline.warehouse.layers.shared import LayerState, states

NAME: Final = "shared_layers_sensor"
_LOOK_SECONDS: Final = 30
_FIRST_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0


class _Known(BaseModel):
    """What the sensor keeps of one layer between its ticks.

    Attributes:
        head: newest revision of the object log at the last tick.
        failures: in a row. failed_at: the last of them.
    """

    head: int = -1
    failures: int = 0
    failed_at: str = ""

    def pause(self) -> float:
        """Seconds from the last failure to the next attempt."""
        return min(_FIRST_PAUSE * 2 ** min(self.failures - 1, 10), _LONGEST_PAUSE)


def shared_layers_sensors(layers: Layers) -> list[dg.SensorDefinition]:
    """The sensor; none without a shared layer."""
    if not shared(layers):
        return []

    @dg.sensor(
        name=NAME,
        job_name=FOLLOW,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has the layers that are made of all instances follow what no refresh took along: after a failure, "
        "another run that was in the way, an upgrade, or a change of the registry of instances. A layer that fails is "
        "tried again ever less often.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        return layers_due(context, warehouse, layers, time.time())

    return [sensor]


def layers_due(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, layers: Layers, now: float
) -> dg.SensorResult | dg.SkipReason:
    """What a tick at this moment asks for; a sentence if that is nothing."""
    try:
        with connection_of_tick(warehouse) as connection:
            found = states(connection, layers)
    except UserError as error:
        return dg.SkipReason(str(error))
    before = _read(context.cursor)
    known = {state.name: _note(before.get(state.name, _Known()), state) for state in found}
    due: dict[str, str] = {}
    left: dict[str, str] = {}
    for layer, state in zip(shared(layers), found, strict=True):
        waits = next((name for name in layer.after if name in left), None)
        reason, excuse = _reason(state, before.get(state.name, _Known()), known[state.name], now)
        if reason and waits is None:
            due[layer.name] = reason
        elif reason or excuse:
            left[layer.name] = excuse or f"layer {layer.name} waits for layer {waits}"
    cursor = json.dumps({name: kept.model_dump() for name, kept in known.items()})
    if due and is_going_on(context.instance, FOLLOW):
        return dg.SensorResult(skip_reason="A run of the job follow is going on.", cursor=context.cursor)
    if due:
        return dg.SensorResult(run_requests=[_request(layers, due)], cursor=cursor)
    return dg.SensorResult(skip_reason="; ".join(left.values()) or "All shared layers are current.", cursor=cursor)


def _reason(state: LayerState, before: _Known, kept: _Known, now: float) -> tuple[str | None, str | None]:
    """(why a layer is to follow now, why it does not although there is something to follow)."""
    if state.failed_at is not None:
        wait = state.failed_at.timestamp() + kept.pause() - now
        if wait > 0:
            return None, f"layer {state.name} is tried again in {timedelta(seconds=round(wait))}: {state.error}"
        return f"{state.name} failed", None
    if state.revision is None:
        return f"{state.name} was never made", None
    if state.outdated:
        return f"{state.name} is of another version", None
    if state.revision < min(state.head, before.head):
        return f"{state.name} is {state.head - state.revision} revisions behind", None
    if state.revision < state.head:
        # seldom more than a moment: the refresh that made the change lets the layer follow
        return None, f"layer {state.name} is left to the refresh that changed something"
    return None, None


def _note(kept: _Known, state: LayerState) -> _Known:
    failed_at = state.failed_at.isoformat() if state.failed_at else ""
    failures = 0 if not failed_at else kept.failures + (failed_at != kept.failed_at)
    return _Known(head=state.head, failures=failures, failed_at=failed_at)


def _request(layers: Layers, due: Mapping[str, str]) -> dg.RunRequest:
    chosen: list[SharedLayer] = [layer for layer in shared(layers) if layer.name in due]
    return dg.RunRequest(
        asset_selection=sorted(keys_of(chosen)),
        asset_check_keys=sorted(
            [is_current_spec(layer).key for layer in chosen]
            + [check_spec(check).key for layer in chosen for check in layer.checks if "changes" in check.modes]
        ),
        tags={REASON_TAG: shortened(", ".join(due.values())), MODE_TAG: "follow", REQUESTED_BY_TAG: NAME},
    )


def _read(cursor: str | None) -> dict[str, _Known]:
    try:
        return {name: _Known(**kept) for name, kept in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError, ValidationError):
        # of another version of this program
        return {}
