"""The asset of the search index, which follows ``search.documents`` at the end of the step.

It is not a table, and no layer: what it holds is known to the index alone, and recorded in ``search.indexes``. A
failing, slow or locked index delays itself only.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

import dagster as dg
import psycopg
from tabulate import tabulate

from stash_pipeline.assets import metadata as md
from stash_pipeline.assets.failures import one_sentence
from stash_pipeline.assets.specs import IS_CURRENT, table_key
from stash_pipeline.error_report import without_secrets
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.search.backend import SearchBackend, SearchIndexLockedError
from stash_pipeline.search.backends import backend_name, backend_place, open_backend
from stash_pipeline.search.index import (
    DocumentsNotReadyError,
    FollowedIndex,
    IndexStatus,
    follow_index,
    index_status,
    record_failure,
    record_followed,
)
from stash_pipeline.search.samples import count_by_entity, find_themselves, sample_queries
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.layer import shared

LAYER: Final = "search"
INDEX_KEY: Final = dg.AssetKey(["search", "index"])
_SAMPLE: Final = 20

INDEX_IS_CURRENT: Final = dg.AssetCheckSpec(
    IS_CURRENT,
    asset=INDEX_KEY,
    description="The index holds search.documents as they are, and its last attempt to follow succeeded. A failure "
    "does not fail the run: `shared_layers_sensor` retries.",
)
COUNTS: Final = dg.AssetCheckSpec(
    "counts_equal_documents",
    asset=INDEX_KEY,
    description="Per entity, the index has as many documents as search.documents.",
)
SAMPLE: Final = dg.AssetCheckSpec(
    "sample_finds_itself",
    asset=INDEX_KEY,
    description="Random documents are found by their titles, and by their titles with one letter missing.",
)
_CHECKS: Final = (INDEX_IS_CURRENT, COUNTS, SAMPLE)
_COMPLETE: Final = frozenset({"reconcile", "sweep", "rebuild"})
"""The modes of runs that count and search; the others only see whether the index is current."""


def has_index(layers: Layers) -> bool:
    """Whether there are documents to make an index of."""
    return any(layer.name == LAYER for layer in shared(layers))


def index_keys(layers: Layers) -> list[dg.AssetKey]:
    """The key of the asset; none without documents."""
    return [INDEX_KEY] if has_index(layers) else []


def index_specs(layers: Layers, settings: Settings) -> list[dg.AssetSpec]:
    """The spec of the asset; none without documents."""
    if not has_index(layers):
        return []
    return [
        dg.AssetSpec(
            INDEX_KEY,
            deps=[table_key("search.documents"), table_key("search.vanished")],
            description="The search index, made of the documents. It is a cache, which can always be rebuilt; "
            "`stash-pipeline search` and `stash_pipeline.search` search it.",
            group_name=LAYER,
            kinds={backend_name(settings)},
            owners=md.OWNERS,
            skippable=True,
        )
    ]


def index_check_specs(layers: Layers) -> list[dg.AssetCheckSpec]:
    """The checks of the index; none without documents."""
    return [*_CHECKS] if has_index(layers) else []


def index_checks_of(mode: str, layers: Layers) -> set[dg.AssetCheckKey]:
    """The checks of the index that a run of this mode evaluates by default."""
    return {spec.key for spec in index_check_specs(layers) if spec is INDEX_IS_CURRENT or mode in _COMPLETE}


@dataclass
class IndexFollowing:
    """The index in one run.

    Attributes:
        cause: why the documents changed, for the metadata.
        rebuild: rebuild the index.
        examine: look whether the index is what was recorded of it, even if no document changed. That reads its files.
        error: why it did not follow; filled by :meth:`run`.
    """

    context: dg.AssetExecutionContext
    layers: Layers
    settings: Settings
    database_url: str
    mode: str
    cause: str
    wait_seconds: float
    rebuild: bool
    report_unchanged: bool
    examine: bool
    error: str | None = None

    @property
    def is_selected(self) -> bool:
        """Whether the run includes the index or one of its checks."""
        return INDEX_KEY in self.context.selected_asset_keys or any(
            spec.key in self.context.selected_asset_check_keys for spec in _CHECKS
        )

    def run(self, blocker: str | None) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Lets the index follow.

        Args:
            blocker: why the documents are not current.
        """
        if blocker:
            yield from self._skip(f"The search index waits for layer {LAYER}.", warn=True)
            return
        results: list[dg.MaterializeResult[Any] | dg.AssetCheckResult] = []
        try:
            backend = open_backend(self.settings)
            with connect(self.database_url) as connection:
                before = index_status(connection, backend.name, backend.place, backend.version)
                if self._is_left_alone(backend, before):
                    yield from self._current(backend.name, before)
                    return
                followed = follow_index(connection, backend, rebuild=self.rebuild, wait_seconds=self.wait_seconds)
                if followed.changed or not before.in_step or before.error:
                    record_followed(connection, backend, followed.state, backend.size())
                results += self._results(connection, backend, before, followed)
        except (SearchIndexLockedError, DocumentsNotReadyError) as error:
            yield from self._skip(str(error), warn=True)
        except Exception as error:
            sentence = self._record_failure(error)
            # a committed change is reported even if a check failed
            yield from (result for result in results if isinstance(result, dg.MaterializeResult))
            yield from self._skip(sentence, warn=False)
        else:
            yield from results

    def _is_left_alone(self, backend: SearchBackend, status: IndexStatus) -> bool:
        """Whether nothing is to be done, by what was recorded."""
        requested = self.rebuild or self.examine or self.mode in _COMPLETE
        recorded = status.in_step and not status.outdated and status.error is None
        return not requested and recorded and backend.is_present()

    def _current(self, backend: str, status: IndexStatus) -> Iterator[dg.AssetCheckResult]:
        if INDEX_IS_CURRENT.key in self.context.selected_asset_check_keys:
            yield _result(
                INDEX_IS_CURRENT,
                status.in_step,
                # another run changed the documents meanwhile, and lets the index follow
                warn=True,
                revision=status.revision,
                revisions_behind_catalog=status.revisions_behind,
                backend=backend,
            )

    def _results(
        self, connection: Connection, backend: SearchBackend, before: IndexStatus, followed: FollowedIndex
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        checks = {
            key for key in self.context.selected_asset_check_keys if key in index_checks_of(self.mode, self.layers)
        }
        after = index_status(connection, backend.name, backend.place)
        if followed.rebuilt:
            self.context.log.info(f"The search index was rebuilt, because {followed.rebuilt}.")
        reported = followed.changed or self.report_unchanged
        reader = backend.reader() if reported or COUNTS.key in checks or SAMPLE.key in checks else None
        try:
            if reader and reported and INDEX_KEY in self.context.selected_asset_keys:
                samples = sample_queries(connection, reader)
                yield md.materialized(
                    INDEX_KEY,
                    metadata={
                        "documents": followed.state.documents,
                        **{f"documents: {name}": count for name, count in _documents(connection).items()},
                        "documents_written": followed.put,
                        md.REMOVED: followed.removed,
                        **({"rebuilt_because": followed.rebuilt} if followed.rebuilt else {}),
                        md.SECONDS: round(followed.seconds, 3),
                        md.REVISION: after.revision,
                        "revisions_behind_catalog": after.revisions_behind,
                        "seconds_behind_catalog": _age(before.behind_since) if followed.changed else 0.0,
                        "size_in_bytes": backend.size() or 0,
                        md.CAUSE: self.cause,
                        "sample_queries": dg.MetadataValue.md(
                            tabulate(
                                [(each.query.replace("|", " "), each.hits, each.milliseconds) for each in samples],
                                headers=["query", "hits", "ms"],
                                tablefmt="pipe",
                                disable_numparse=True,
                            )
                        ),
                    },
                )
            if reader and COUNTS.key in checks:
                indexed, expected = count_by_entity(reader), _documents(connection)
                wrong = {
                    entity: f"{indexed.get(entity, 0):,} of {expected.get(entity, 0):,}"
                    for entity in sorted({*indexed, *expected})
                    if indexed.get(entity, 0) != expected.get(entity, 0)
                }
                yield _result(COUNTS, not wrong, **(wrong or expected))
            if reader and SAMPLE.key in checks:
                sample = find_themselves(connection, reader, _SAMPLE)
                yield _result(
                    SAMPLE,
                    not sample.lost,
                    warn=True,
                    documents=sample.documents,
                    with_typo=sample.with_typo,
                    lost="\n".join(sample.lost) or "none",
                )
        finally:
            if reader:
                reader.close()
        yield from self._current(backend.name, after)

    def _skip(self, error: str, *, warn: bool) -> Iterator[dg.AssetCheckResult]:
        """Reports why the index did not follow."""
        self.error = error
        if INDEX_IS_CURRENT.key in self.context.selected_asset_check_keys:
            yield _result(INDEX_IS_CURRENT, False, error, warn=warn)

    def _record_failure(self, error: Exception) -> str:
        """Records a failure for the sensor, and returns its message."""
        sentence = f"The search index could not follow: {one_sentence(error)}"
        if isinstance(error, UserError):
            self.context.log.error(sentence)
        else:
            self.context.log.error(f"{sentence}\n{without_secrets(''.join(traceback.format_exception(error)))}")
        try:
            with connect(self.database_url) as connection:
                record_failure(connection, backend_name(self.settings), backend_place(self.settings), sentence)
        except (psycopg.Error, UserError) as problem:
            self.context.log.warning(f"The failure could not be recorded: {without_secrets(str(problem))}")
        return sentence


def _documents(connection: Connection) -> dict[str, int]:
    rows = connection.execute(
        "SELECT entity, rows FROM search.row_counts WHERE rows > 0 AND entity <> 'marker_tags' ORDER BY rows DESC"
    )
    return dict(rows.fetchall())


def _age(moment: datetime | None) -> float:
    """Seconds since a moment."""
    return 0.0 if moment is None else round(max((datetime.now(timezone.utc) - moment).total_seconds(), 0.0), 3)


def _result(
    spec: dg.AssetCheckSpec, passed: bool, error: str | None = None, *, warn: bool = False, **metadata: Any
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR,
        description=error,
        metadata=metadata,
    )
