"""The client of one stash-box: fingerprints to scenes, ids to documents, merges, and the scenes of a performer.

An object that a box does not have is None. What a box refuses or fails at is an error, or listed in ``failures``: never
absent. Documents are JSON as the box sent it, with dates without midnight and without the fields that failed.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.errors import shortened
from stash_pipeline.stash.limits import Limits
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stashbox import documents
from stash_pipeline.stashbox.answers import without_failed_parts
from stash_pipeline.stashbox.dividing import ask_in_parts
from stash_pipeline.stashbox.documents import LOOKUP, TARGETS, VERSION, Documents
from stash_pipeline.stashbox.endpoints import ENTITIES, Dialect, Entity
from stash_pipeline.stashbox.errors import (
    StashBoxError,
    StashBoxQueryError,
    StashBoxUnexpectedError,
    StashBoxUnsupportedError,
)
from stash_pipeline.stashbox.fingerprints import (
    GROUPS_PER_REQUEST,
    Fingerprint,
    GroupPart,
    pack_groups,
)
from stash_pipeline.stashbox.limiter import Limiter
from stash_pipeline.stashbox.models import BoxUser, Document, MergeTarget, ScenesPage
from stash_pipeline.stashbox.parsing import AnswerParser, Fetched, Merged, either
from stash_pipeline.stashbox.transport import RETRIES, Answer, Transport

IDS_PER_REQUEST: Final = 30
SCENES_PER_PAGE: Final = 100
"""Of a list, with few fields of each."""

_ROUNDS: Final = 12
"""Times that a query is sent with fewer fields. A box names at once all that it lacks; others may name one by one."""

log = logging.getLogger(__name__)

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
"""An id that no object has."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ID: Final[dict[Dialect, re.Pattern[str]]] = {"stash-box": _UUID, "theporndb": re.compile(r"[0-9A-Za-z-]{1,64}")}


class StashBoxClient:
    """Asks one box. Any thread may use it; it never sends a mutation.

    Args:
        url: the normalised endpoint. name: in the registry, for messages.
        access: the API key. limiter: of the endpoint.
        ids_per_request: objects by id in one request.
        timeout, connect_timeout: seconds. retries: how often a request is sent. limits: for what the box sends.

    Attributes:
        failures: why an object or a group was not answered, by its id or ``group N``.
    """

    def __init__(
        self,
        url: str,
        name: str,
        access: Access,
        limiter: Limiter,
        *,
        dialect: Dialect = "stash-box",
        ids_per_request: int = IDS_PER_REQUEST,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        retries: RetryPolicy = RETRIES,
        limits: Limits | None = None,
    ) -> None:
        self.url = url
        self.name = name
        self.dialect = dialect
        self.failures: dict[str, str] = {}
        self._documents = Documents(dialect)
        self._parser = AnswerParser(name)
        self._ids_per_request = ids_per_request
        self._groups_per_request = GROUPS_PER_REQUEST
        self._lock = threading.Lock()
        self._transport = Transport(
            url, name, access, limiter, timeout=timeout, connect_timeout=connect_timeout, retries=retries, limits=limits
        )

    def __repr__(self) -> str:
        return f"StashBoxClient({self.name!r}, {self.url!r})"

    def __enter__(self) -> "StashBoxClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the requests of other threads that wait for their turn, and closes the connections."""
        self._transport.close()

    def cancel(self) -> None:
        """Ends the requests that wait for their turn, in every thread."""
        self._transport.limiter.cancel()

    @property
    def ids_per_request(self) -> int:
        """Objects by id in one request; less than configured if the box refused larger requests."""
        with self._lock:
            return self._ids_per_request

    @property
    def requests(self) -> int:
        """The number of requests sent, including retries."""
        return self._transport.requests

    @property
    def bytes(self) -> int:
        """The number of bytes received, decompressed."""
        return self._transport.bytes

    @property
    def missing(self) -> list[str]:
        """The queries and fields that the box lacks, such as ``Query.queryEdits``, as far as is known."""
        return self._documents.missing

    def has(self, query: str) -> bool:
        """Whether the box has a query, as far as is known."""
        return self._documents.has(query)

    # --- the box itself -------------------------------------------------------------------------------------

    def version(self) -> str | None:
        """The release of the box in its own spelling; None if it does not say."""
        if not self.has("version"):
            return None
        try:
            value = self._execute("version", lambda: VERSION, {}).data.get("version")
        except StashBoxUnsupportedError:
            return None
        text = value.get("version") if isinstance(value, dict) else None
        return shortened(text, 100) if isinstance(text, str) and text else None

    def me(self) -> BoxUser:
        """The user of the key, and its roles.

        Raises:
            StashBoxAuthError: if the key is refused.
        """
        for fields in (("name", "roles"), ("name",)):
            try:
                user = self._transport.send(documents.me(fields), {}, "me").data.get("me")
                break
            except StashBoxQueryError as error:
                if not error.validation or len(fields) == 1:
                    raise
                self._documents.learn(error.messages)
        if not isinstance(user, dict) or not isinstance(user.get("name"), str):
            raise self._parser.unexpected("me", "a user")
        roles = user.get("roles")
        return BoxUser(
            shortened(user["name"], 100),
            tuple(sorted(str(role) for role in roles)) if isinstance(roles, list) else None,
        )

    def probe(self) -> None:
        """Sends each query for something that no box has, to learn what this one lacks; see ``missing``.

        Raises:
            StashBoxError: if the box refuses, or cannot be reached.
        """
        probes: list[Callable[[], object]] = [partial(self._find, entity, [NOBODY], False) for entity in ENTITIES]
        probes += [
            partial(self._lookup, [], False),
            partial(self.merge_target, "studios", NOBODY),
            partial(self.scenes_of, "performers", NOBODY, per_page=1),
        ]
        for ask in probes:
            try:
                ask()
            except StashBoxQueryError as error:
                # an object that does not exist may be an error; the fields were accepted
                if error.validation:
                    raise
            except StashBoxUnsupportedError:
                continue

    # --- fingerprints ---------------------------------------------------------------------------------------

    def find_scenes_by_fingerprints(self, groups: Sequence[Sequence[Fingerprint]]) -> list[list[Document] | None]:
        """The scenes of each group of fingerprints, in the order of the groups.

        Returns:
            an empty list for a group that matches nothing or is empty; None for a group at which the box failed, see
            ``failures``.

        Raises:
            StashBoxError: if the box refuses, cannot be reached, or fails at all groups.
        """
        results: list[list[Document] | None] = [[] for _ in groups]
        for answered in self.lookups(groups):
            for position, scenes in answered.items():
                results[position] = scenes
        return results

    def lookups(self, groups: Sequence[Sequence[Fingerprint]]) -> Iterator[dict[int, list[Document] | None]]:
        """The same request by request: what one has answered can be stored before the next is sent.

        Yields:
            the scenes by position of the group. A group with more than 64 PHASHes comes with its last request.
        """
        self._require(LOOKUP)
        pending: list[Document] | None = []
        for parts in pack_groups(groups, most_groups=lambda: self._groups_per_request):
            divided = ask_in_parts(parts, self._lookup)
            with self._lock:
                self._groups_per_request = min(self._groups_per_request, divided.fits or GROUPS_PER_REQUEST)
            done: dict[int, list[Document] | None] = {}
            for number, part in enumerate(parts):
                scenes = divided.results.get(number)
                if scenes is None:
                    self._record_failure(f"group {part.position}", divided.errors[number])
                pending = None if scenes is None or pending is None else _united(pending, scenes)
                if part.final:
                    done[part.position] = pending
                    pending = []
            if done:
                yield done

    def _lookup(self, parts: Sequence[GroupPart], retry: bool) -> list[list[Document] | StashBoxError]:
        variables = {"fingerprints": [[entry.as_input() for entry in part.fingerprints] for part in parts]}
        answer = self._execute("fingerprints", self._documents.lookup, variables, retry=retry)
        spoilt = without_failed_parts(answer.data, answer.errors, depth=3)
        listed = answer.data.get(LOOKUP)
        if spoilt is None or not isinstance(listed, list):
            if answer.errors:
                raise StashBoxQueryError(self.name, "fingerprints", answer.errors)
            raise self._parser.unexpected("fingerprints", "a list")
        if len(listed) != len(parts):
            raise StashBoxUnexpectedError(
                f"{self.name} was asked for {len(parts)} groups of fingerprints and answered {len(listed)}; "
                "nothing of the answer was used."
            )
        failed = StashBoxQueryError(self.name, "fingerprints", answer.errors)
        return [
            failed if number in spoilt else either(partial(self._parser.scenes, group, "fingerprints"))
            for number, group in enumerate(listed)
        ]

    # --- objects by id --------------------------------------------------------------------------------------

    def find(self, entity: Entity, ids: Sequence[str]) -> dict[str, Document | None]:
        """Objects by id. Deleted ones are returned with ``deleted``, and lack what they have lost.

        Returns:
            the document of each id; None if the box has none, or the text cannot be an id of a box. An id at which the
            box failed is left out, see ``failures``.

        Raises:
            StashBoxError: if the box refuses, cannot be reached, or fails at all ids.
        """
        results: dict[str, Document | None] = {}
        for answered in self.documents(entity, ids):
            results.update(answered)
        return results

    def documents(self, entity: Entity, ids: Sequence[str]) -> Iterator[dict[str, Document | None]]:
        """The same request by request: what one has answered can be stored before the next is sent."""
        pattern = _ID[self.dialect]
        once = list(dict.fromkeys(ids))
        invalid = [identifier for identifier in once if not pattern.fullmatch(identifier)]
        if invalid:
            yield dict.fromkeys(invalid)
        valid = [identifier for identifier in once if pattern.fullmatch(identifier)]
        start = 0
        while start < len(valid):
            chunk = valid[start : start + self._ids_per_request]
            start += len(chunk)
            divided = ask_in_parts(chunk, lambda some, retry: self._find(entity, some, retry))
            with self._lock:
                self._ids_per_request = min(self._ids_per_request, divided.fits or self._ids_per_request)
            for number, error in divided.errors.items():
                self._record_failure(chunk[number], error)
            if divided.results:
                yield {chunk[number]: fetched.document for number, fetched in sorted(divided.results.items())}

    def _find(self, entity: Entity, ids: Sequence[str], retry: bool) -> list[Fetched | StashBoxError]:
        variables = {f"i{number}": identifier for number, identifier in enumerate(ids)}
        answer = self._execute(entity, lambda: self._documents.find(entity, len(ids)), variables, retry=retry)
        spoilt = without_failed_parts(answer.data, answer.errors, depth=1)
        if spoilt is None:
            raise StashBoxQueryError(self.name, entity, answer.errors)
        failed = StashBoxQueryError(self.name, entity, answer.errors)
        return [
            failed if alias in spoilt else either(partial(self._parser.fetched, entity, answer.data, alias, identifier))
            for alias, identifier in variables.items()
        ]

    # --- merges, and scenes of others -----------------------------------------------------------------------

    def merge_target(self, entity: Entity, identifier: str) -> MergeTarget | None:
        """As :meth:`merge_targets`, of one object."""
        return self.merge_targets(entity, [identifier]).get(identifier)

    def merge_targets(self, entity: Entity, ids: Sequence[str]) -> dict[str, MergeTarget | None]:
        """What objects were merged into, by the newest applied edits; None if by none.

        Performers have ``merged_into_id`` in their documents. One hop: the target may have been merged, too.

        Returns:
            by id. An id at which the box failed is left out, see ``failures``.

        Raises:
            StashBoxUnsupportedError: if the box has no list of edits.
            StashBoxError: if the box refuses, cannot be reached, or fails at all ids.
        """
        self._require("queryEdits")
        results: dict[str, MergeTarget | None] = dict.fromkeys(ids)
        valid = [identifier for identifier in results if _ID[self.dialect].fullmatch(identifier)]
        start = 0
        while start < len(valid):
            chunk = valid[start : start + self._ids_per_request]
            start += len(chunk)
            divided = ask_in_parts(chunk, lambda some, retry: self._merges(entity, some, retry))
            for number, error in divided.errors.items():
                self._record_failure(chunk[number], error)
                del results[chunk[number]]
            results.update({chunk[number]: merged.target for number, merged in divided.results.items()})
        return results

    def _merges(self, entity: Entity, ids: Sequence[str], retry: bool) -> list[Merged | StashBoxError]:
        filters = {
            f"i{number}": {
                "target_type": TARGETS[entity], "target_id": identifier, "operation": "MERGE", "applied": True,
                "sort": "CLOSED_AT", "direction": "DESC", "page": 1, "per_page": 5,
            }
            for number, identifier in enumerate(ids)
        }  # fmt: skip
        answer = self._execute("merges", lambda: self._documents.merges(entity, len(ids)), filters, retry=retry)
        spoilt = without_failed_parts(answer.data, answer.errors, depth=1)
        if spoilt is None:
            raise StashBoxQueryError(self.name, "merges", answer.errors)
        failed = StashBoxQueryError(self.name, "merges", answer.errors)
        return [
            failed if alias in spoilt else either(partial(self._parser.merged, answer.data.get(alias), identifier))
            for alias, identifier in zip(filters, ids, strict=True)
        ]

    def scenes_of(
        self,
        entity: Literal["performers", "studios"],
        identifier: str,
        page: int = 1,
        *,
        per_page: int = SCENES_PER_PAGE,
    ) -> ScenesPage:
        """A page of the scenes of a performer or a studio, oldest entry first, so that new ones do not shift pages.

        Raises:
            StashBoxUnsupportedError: if the box cannot filter scenes.
        """
        self._require("queryScenes")
        filters = {
            entity: {"value": [identifier], "modifier": "INCLUDES"},
            "sort": "CREATED_AT", "direction": "ASC", "page": page, "per_page": per_page,
        }  # fmt: skip
        counted = page == 1
        answer = self._whole("scenes", lambda: self._documents.scenes(counted=counted), {"input": filters})
        result = answer.get("queryScenes")
        if not isinstance(result, dict):
            raise self._parser.unexpected("scenes", "a page of scenes")
        scenes = self._parser.scenes(result.get("scenes"), "scenes")
        count = result.get("count")
        if counted and type(count) is not int:
            raise self._parser.unexpected("scenes", "a number of scenes")
        return ScenesPage(scenes, count if counted else None, len(scenes) >= per_page)

    # --- requests -------------------------------------------------------------------------------------------

    def _require(self, query: str) -> None:
        if not self.has(query):
            raise StashBoxUnsupportedError(f"{self.name} has no query {query} that can be used; this part is skipped.")

    def _whole(self, what: str, build: Callable[[], str], variables: dict[str, Any]) -> dict[str, Any]:
        """The data of an answer that is of no use with errors."""
        answer = self._execute(what, build, variables)
        if answer.errors:
            raise StashBoxQueryError(self.name, what, answer.errors)
        return answer.data

    def _execute(self, what: str, build: Callable[[], str], variables: dict[str, Any], *, retry: bool = True) -> Answer:
        """Sends a query, and again without the fields that the box does not have."""
        for _ in range(_ROUNDS):
            document = build()
            try:
                return self._transport.send(document, variables, what, retry=retry)
            except StashBoxQueryError as error:
                if not error.validation:
                    raise
                learned = self._documents.learn(error.messages)
                if learned:
                    log.info("%s lacks %s, which is left out.", self.name, ", ".join(learned))
                queries = [field for field in learned if field.startswith("Query.")]
                if queries:
                    names = ", ".join(field.removeprefix("Query.") for field in queries)
                    raise StashBoxUnsupportedError(f"{self.name} has no query {names}; this part is skipped.") from None
                # another thread may have learned it meanwhile
                if build() == document:
                    raise
        raise StashBoxUnsupportedError(f"{self.name} refuses {what}, whatever fields are asked for; nothing was read.")

    def _record_failure(self, what: str, error: StashBoxError) -> None:
        with self._lock:
            self.failures[what] = str(error)


def _united(before: list[Document], more: list[Document]) -> list[Document]:
    """Two lists of scenes, each once: a scene may match several parts of a group."""
    ids = {scene["id"] for scene in before}
    return before + [scene for scene in more if scene["id"] not in ids]
