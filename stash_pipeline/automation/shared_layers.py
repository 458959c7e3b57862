"""The sensor of the shared layers and of the search index: it lets those follow that no sync updated.

A sync lets shared layers follow at its end. It skips a layer that another run works on, a layer that fails, and a layer
of another version; and some changes are not made by a sync, such as the removal or another priority of an instance.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Final

import dagster as dg
from pydantic import BaseModel, ValidationError

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.search import LAYER as SEARCH
from stash_pipeline.assets.search import has_index, index_checks_of, index_keys
from stash_pipeline.assets.specs import check_spec, is_current_spec, keys_of
from stash_pipeline.assets.tags import MODE_TAG, REASON_TAG, REQUESTED_BY_TAG, shortened
from stash_pipeline.automation.jobs import FOLLOW
from stash_pipeline.automation.run_requests import connection_of_tick, is_in_progress
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.search.backend import SearchBackend
from stash_pipeline.search.backends import backend_name, backend_place, open_backend
from stash_pipeline.search.index import index_status
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import SharedLayer, shared
from stash_pipeline.warehouse.layers.shared import LayerState, states
from stash_pipeline.warehouse.ops.object_log import has_objects

INDEX: Final = "index"
"""The search index among the layers."""

NAME: Final = "shared_layers_sensor"
_LOOK_SECONDS: Final = 30
_FIRST_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0


class _State(BaseModel):
    """The state of one layer between ticks.

    Attributes:
        head: newest revision of the object log at the last tick; of a layer that was never built, 0
            until an object is mirrored.
        failures: consecutive failures.
        failed_at: time of the last failure.
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
        description="Lets the layers made of all instances follow changes that no sync applied: after a failure, a "
        "conflict with another run, an upgrade, or a change in the registry of instances. A failing layer is retried "
        "less and less often.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SensorResult | dg.SkipReason:
        return layers_due(context, warehouse, layers, time.time())

    return [sensor]


def layers_due(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, layers: Layers, now: float
) -> dg.SensorResult | dg.SkipReason:
    """The run request of a tick, or a skip reason."""
    indexed = warehouse.settings.search_index and has_index(layers)
    try:
        with connection_of_tick(warehouse) as connection:
            layer_states = states(connection, layers)
            mirrored = has_objects(connection)
            if indexed:
                index = index_state(connection, warehouse.settings)
    except UserError as error:
        return dg.SkipReason(str(error))
    followers = [layer.name for layer in shared(layers)]
    if indexed:
        layer_states.append(index)
        followers.append(INDEX)
    before = _read(context.cursor)
    if not mirrored:
        # empty tables are of no use to anybody; what was built before follows the removal of the last instance
        layer_states = [state if state.revision is not None else replace(state, head=0) for state in layer_states]
    after = {state.name: _updated(before.get(state.name, _State()), state) for state in layer_states}
    due: dict[str, str] = {}
    skipped: dict[str, str] = {}
    after_layers = {layer.name: layer.after for layer in shared(layers)} | {INDEX: (SEARCH,)}
    for name, state in zip(followers, layer_states, strict=True):
        blocker = next((other for other in after_layers[name] if other in skipped), None)
        reason, skip_reason = _reason(state, before.get(state.name, _State()), after[state.name], now)
        if reason and blocker is None:
            due[name] = reason
        elif reason or skip_reason:
            skipped[name] = skip_reason or f"layer {name} waits for layer {blocker}"
    cursor = json.dumps({name: state.model_dump() for name, state in after.items()})
    if due and is_in_progress(context.instance, FOLLOW):
        return dg.SensorResult(skip_reason="A run of the job follow is in progress.", cursor=context.cursor)
    if due:
        return dg.SensorResult(run_requests=[_request(layers, due)], cursor=cursor)
    return dg.SensorResult(skip_reason="; ".join(skipped.values()) or "All shared layers are current.", cursor=cursor)


def index_state(connection: Connection, settings: Settings) -> LayerState:
    """The state of the search index like that of a layer; what it follows are the documents.

    Only the embedded index is opened, to see whether it is still there: a server may be slow.
    """
    status = index_status(connection, backend_name(settings), backend_place(settings))
    missing = False
    if settings.typesense_url is None and status.built and status.error is None:
        missing = _embedded(settings).state() is None
    return LayerState(
        INDEX,
        status.revision if status.built else None,
        status.documents_revision,
        missing or (not status.in_step and status.revision >= status.documents_revision),
        status.followed_at,
        status.error,
        status.failed_at,
    )


@cache
def _embedded(settings: Settings) -> SearchBackend:
    """The embedded index. It is kept, because it reads files that it has read before only if they changed."""
    return open_backend(settings)


def _reason(state: LayerState, before: _State, after: _State, now: float) -> tuple[str | None, str | None]:
    """(why the layer must follow now, why it must not although it is behind)."""
    if state.failed_at is not None:
        wait = state.failed_at.timestamp() + after.pause() - now
        if wait > 0:
            return None, f"layer {state.name} is retried in {timedelta(seconds=round(wait))}: {state.error}"
        return f"{state.name} failed", None
    if state.revision is None:
        if state.head == 0:
            return None, f"layer {state.name} is built when an instance has been mirrored"
        if before.head == 0:
            return None, f"layer {state.name} is built by the first sync"
        return f"{state.name} was never built", None
    if state.outdated:
        return f"{state.name} is of another version", None
    if state.revision < min(state.head, before.head):
        return f"{state.name} is {state.head - state.revision} revisions behind", None
    if state.revision < state.head:
        # usually for a moment: the sync that made the change lets the layer follow
        return None, f"layer {state.name} is updated by the sync that made the change"
    return None, None


def _updated(before: _State, state: LayerState) -> _State:
    failed_at = state.failed_at.isoformat() if state.failed_at else ""
    failures = 0 if not failed_at else before.failures + (failed_at != before.failed_at)
    return _State(head=state.head, failures=failures, failed_at=failed_at)


def _request(layers: Layers, due: Mapping[str, str]) -> dg.RunRequest:
    selected: list[SharedLayer] = [layer for layer in shared(layers) if layer.name in due]
    # with its documents the index follows, too
    indexed = index_keys(layers) if INDEX in due or SEARCH in due else []
    return dg.RunRequest(
        asset_selection=sorted([*keys_of(selected), *indexed]),
        asset_check_keys=sorted(
            [is_current_spec(layer).key for layer in selected]
            + [check_spec(check).key for layer in selected for check in layer.checks if "changes" in check.modes]
            + (sorted(index_checks_of("changes", layers)) if indexed else [])
        ),
        tags={REASON_TAG: shortened(", ".join(due.values())), MODE_TAG: "follow", REQUESTED_BY_TAG: NAME},
    )


def _read(cursor: str | None) -> dict[str, _State]:
    try:
        return {name: _State(**state) for name, state in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError, ValidationError):
        # written by another version of this program
        return {}
