"""Lets the shared layers follow within the step, each after those that it reads, and then the search index.

A failing shared layer does not fail the sync. The failure is recorded in ``ops.shared_layers``, the layer's check
``is_current`` reports it, the log has the traceback, and ``shared_layers_sensor`` retries.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import psycopg

from stash_pipeline.assets.checks import is_current, layer_checks
from stash_pipeline.assets.failures import one_sentence
from stash_pipeline.assets.results import shared_results
from stash_pipeline.assets.search import LAYER as SEARCH
from stash_pipeline.assets.search import IndexFollowing, has_index
from stash_pipeline.assets.specs import is_current_spec, keys_of
from stash_pipeline.assets.stashbox import first_materializations
from stash_pipeline.error_report import without_secrets
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.concurrent import Attempt, following_together
from stash_pipeline.warehouse.layers.layer import SharedLayer, shared, with_those_after
from stash_pipeline.warehouse.layers.shared import FollowedLayer, LayerLockedError, LayerNotReadyError, record_failure
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER

Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


@dataclass
class SharedFollowing:
    """The shared layers of one run.

    Attributes:
        rebuild: names of the layers to rebuild.
        cause: why the layers changed, for the metadata.
        alone: the run reads no server; it examines the search index even if nothing changed.
        errors: why layers did not follow, by name; filled by :meth:`run`.
    """

    context: dg.AssetExecutionContext
    layers: Layers
    settings: Settings
    database_url: str
    mode: str
    cause: str
    wait_seconds: float
    rebuild: frozenset[str] = frozenset()
    report_unchanged: bool = False
    alone: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def run(self) -> Results:
        """Lets the layers with a selected asset or check follow, and reports them in order."""
        rebuilt = with_those_after(shared(self.layers), self.rebuild)
        selected = [layer for layer in shared(self.layers) if self._is_selected(layer)]
        with following_together(
            self.database_url, selected, self.layers, rebuild=rebuilt, wait_seconds=self.wait_seconds
        ) as attempts:
            for layer in selected:
                yield from self._report(layer, attempts[layer.name])
        # the asset is part of the graph whatever the settings are: definitions do not depend on them
        if self.settings.search_index and has_index(self.layers):
            yield from self._follow_index()

    def _follow_index(self) -> Results:
        following = IndexFollowing(
            self.context,
            self.layers,
            self.settings,
            self.database_url,
            self.mode,
            self.cause,
            self.wait_seconds,
            rebuild=SEARCH in self.rebuild,
            report_unchanged=self.report_unchanged,
            examine=self.alone or self.report_unchanged,
        )
        if following.is_selected:
            yield from following.run(self.errors.get(SEARCH))
            if following.error:
                self.errors["the search index"] = following.error

    def _is_selected(self, layer: SharedLayer) -> bool:
        assets, checks = self.context.selected_asset_keys, self.context.selected_asset_check_keys
        return any(key in assets for key in keys_of([layer])) or is_current_spec(layer).key in checks

    def _report(self, layer: SharedLayer, attempt: Callable[[], Attempt]) -> Results:
        """Waits for a layer, and reports what it did."""
        results: list[dg.MaterializeResult[Any] | dg.AssetCheckResult] = []
        try:
            done = attempt()
            results += self._results(done.connection, layer, done.followed)
        except (LayerLockedError, LayerNotReadyError) as error:
            yield from self._skip(layer, str(error), warn=True)
            return
        except Exception as error:
            sentence = self._record_failure(layer, error)
            # committed changes are reported even if a check failed
            yield from (result for result in results if isinstance(result, dg.MaterializeResult))
            yield from self._skip(layer, sentence, warn=False)
            return
        yield from results

    def _results(self, connection: Connection, layer: SharedLayer, followed: FollowedLayer) -> Results:
        selected, checks = self.context.selected_asset_keys, self.context.selected_asset_check_keys
        yield from shared_results(connection, layer, followed, selected, self.mode, self.cause, self.report_unchanged)
        if followed.objects is None:
            self.context.log.info(f"Layer {layer.name} was rebuilt.")
            if layer.name == MATCHES_LAYER.name:
                for event in first_materializations(self.context.instance, connection):
                    # this run did not read a box
                    self.context.instance.report_runless_asset_event(event)
        yield from layer_checks(checks, connection, layer, None, self.mode, {})
        if is_current_spec(layer).key in checks:
            yield is_current(layer, None, warn=False, revision=followed.revision)

    def _skip(self, layer: SharedLayer, error: str, *, warn: bool) -> Results:
        """Reports why a layer did not follow."""
        self.errors[layer.name] = error
        if is_current_spec(layer).key in self.context.selected_asset_check_keys:
            yield is_current(layer, error, warn=warn)

    def _record_failure(self, layer: SharedLayer, error: Exception) -> str:
        """Records a failure for the sensor, and returns its message."""
        sentence = f"Layer {layer.name} could not follow: {one_sentence(error)}"
        report = without_secrets("".join(traceback.format_exception(error)))
        self.context.log.error(f"{sentence}\n{report}")
        try:
            with connect(self.database_url) as connection:
                record_failure(connection, layer, sentence)
        except (psycopg.Error, UserError) as problem:
            self.context.log.warning(f"The failure could not be recorded: {without_secrets(str(problem))}")
        return sentence
