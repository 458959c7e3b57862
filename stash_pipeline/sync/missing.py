"""Reads what a stash-box lists for favorite performers and studios, so that ``stashbox.missing`` can say what is not
owned.

It comes after everything else that a box is asked: it leaves a part of the day's requests to hashes and records. Each
page is stored in a transaction, with the number of the next: a process that is killed loses the request in flight.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal, cast

from stash_pipeline.stashbox.client import SCENES_PER_PAGE, StashBoxClient
from stash_pipeline.stashbox.errors import (
    BudgetExhaustedError,
    StashBoxPausedError,
    StashBoxQueryError,
    StashBoxTooLargeError,
    StashBoxUnexpectedError,
    StashBoxUnsupportedError,
)
from stash_pipeline.sync.pace import Pace
from stash_pipeline.sync.stashbox import endpoint_lock
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.ops.request_limiter import budget_use
from stash_pipeline.warehouse.stashbox.missing import (
    DueList,
    due_lists,
    fail_list,
    finish_list,
    known_scenes,
    store_page,
)

RESERVED_SHARE: Final = 0.25
"""Of the requests of a day, for what is asked about hashes and records."""

MOST_SCENES: Final = 20_000
"""Of one list: no performer or studio has more, so that a box that counts more ignores the filter."""

FEWEST: Final = 3
"""Lists that fail one after the other before a box is believed to fail at all of them."""


@dataclass
class ListReport:
    """What one run did.

    Attributes:
        due: lists that were due at the start. complete: those that were read to their end.
        scenes: read, each as often as it is listed.
        failures: why a list could not be read, by the id of its performer or studio.
        stopped: why the run ended before everything that is due was read.
    """

    due: int = 0
    complete: int = 0
    scenes: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None


def _silent(_: str) -> None:
    """Says nothing."""


def list_missing(
    connection: Connection,
    client: StashBoxClient,
    endpoint_id: int,
    name: str,
    *,
    days: float,
    say: Callable[[str], object] = _silent,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    per_page: int = SCENES_PER_PAGE,
) -> ListReport:
    """Reads the lists that are due: those of favorites of the catalog that are linked to one record of the box.

    Args:
        connection: in autocommit mode; it holds the lock of the endpoint meanwhile.
        days: after which a list is read again.
        say: gets a sentence about how much is due.

    Raises:
        UserError: if another process reads the same box.
        StashBoxError: if the box fails; what was answered before is stored.
    """
    report = ListReport()
    with endpoint_lock(connection, endpoint_id, name):
        due = due_lists(connection, endpoint_id, before=now() - timedelta(days=days), now=now())
        report.due = len(due)
        if due:
            say(f"{len(due):,} lists of favorites are due, of one request or more each.")
        pace = Pace(say, "Lists of favorites", len(due))
        reader = _Reader(connection, client, endpoint_id, name, per_page, now, report)
        failed = 0
        for due_list in due:
            try:
                if not reader.read(due_list):
                    break
                failed = 0
                pace.advance()
            except (BudgetExhaustedError, StashBoxPausedError, StashBoxUnsupportedError) as error:
                report.stopped = str(error)
                break
            except (StashBoxQueryError, StashBoxTooLargeError, StashBoxUnexpectedError) as error:
                report.failures[due_list.identifier] = str(error)
                fail_list(connection, endpoint_id, due_list, str(error), now=now())
                failed += 1
                if failed >= FEWEST:
                    raise
    return report


@dataclass
class _Reader:
    """One run."""

    connection: Connection
    client: StashBoxClient
    endpoint_id: int
    name: str
    per_page: int
    now: Callable[[], datetime]
    report: ListReport

    def read(self, due: DueList) -> bool:
        """Reads a list from where it stopped to its end; False if the rest of the day's requests is reserved."""
        more = True
        while more:
            if self._is_reserved():
                return False
            due, more = self._page(due)
        finish_list(self.connection, self.endpoint_id, due, now=self.now())
        self.report.complete += 1
        return True

    def _page(self, due: DueList) -> tuple[DueList, bool]:
        """Reads a page; returns the next one, and whether there may be one."""
        entity = cast(Literal["performers", "studios"], due.entity)
        answer = self.client.scenes_of(entity, due.identifier, due.page, per_page=self.per_page)
        if answer.count is not None:
            due = replace(due, scenes=answer.count)
        if not 0 <= (due.scenes or 0) <= MOST_SCENES:
            raise StashBoxUnexpectedError(
                f"{self.name} counts {due.scenes:,} scenes of one of the {due.entity}, which cannot be; the list was "
                "not used."
            )
        scenes = [scene for scene in answer.scenes if not scene.get("deleted") and _is_of(scene, due)]
        ids = sorted({scene["id"].lower() for scene in scenes})
        # a box that ignores the filter or the page would be read for ever
        if (answer.scenes and not scenes) or (due.page > 1 and ids and self._known(due, ids) == set(ids)):
            raise StashBoxUnexpectedError(
                f"{self.name} answered page {due.page} of a list of {due.entity} with scenes of others, or of another "
                "page; it was not used."
            )
        store_page(self.connection, self.endpoint_id, due, scenes, now=self.now())
        self.report.scenes += len(scenes)
        # some may have been added meanwhile
        most = -(-(due.scenes or 0) // self.per_page) + 1
        return replace(due, page=due.page + 1), answer.more and due.page <= most

    def _known(self, due: DueList, ids: Sequence[str]) -> set[str]:
        return known_scenes(self.connection, self.endpoint_id, due, ids)

    def _is_reserved(self) -> bool:
        use = budget_use(self.connection, self.endpoint_id)
        if use.left is None or use.left > RESERVED_SHARE * (use.used + use.left):
            return False
        self.report.stopped = (
            f"{use.left:,} of today's requests to {self.name} are left, which are for hashes and records; the lists "
            "of favorites continue tomorrow."
        )
        return True


def _is_of(scene: Mapping[str, Any], due: DueList) -> bool:
    """Whether a scene is of the performer or studio, as it says itself."""
    if due.entity == "studios":
        return _id(scene.get("studio")) == due.identifier
    listed = scene.get("performers")
    appearances = listed if isinstance(listed, list) else []
    return any(
        isinstance(appearance, Mapping) and _id(appearance.get("performer")) == due.identifier
        for appearance in appearances
    )


def _id(value: Any) -> str | None:
    key = value.get("id") if isinstance(value, Mapping) else None
    return key.lower() if isinstance(key, str) else None
