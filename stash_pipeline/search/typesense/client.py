"""The connection to a Typesense server: the official client, with bounded time and with errors that a person can use.

Contains no search and no document. The key is only in the header of requests.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx

from stash_pipeline.search.backend import SearchIndexError
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.masking import Mask
from stash_pipeline.stash.tls import shared_context

if TYPE_CHECKING:
    import typesense

CONNECT_SECONDS: Final = 5.0
RETRIES: Final = 2
RETRY_SECONDS: Final = 0.5
SEARCHES: Final = 50
"""That one request may contain, unless the server's limit is raised."""

_Answer = TypeVar("_Answer")


class TypesenseMissingObjectError(SearchIndexError):
    """The server has no such collection, alias or document."""


class TypesenseRowsError(SearchIndexError):
    """The server refused some rows of a batch."""


@dataclass(frozen=True)
class Connection:
    """Where the server is, and how long to wait for it.

    Attributes:
        url: of the server. key: sent as header. timeout: seconds of silence. retries: after a first attempt, if the
            server cannot be reached, is too slow or overloaded.
        ca_file: PEM file of the authority that signed its certificate.
    """

    url: str
    key: str = field(repr=False)
    timeout: float = 30.0
    retries: int = RETRIES
    retry_seconds: float = RETRY_SECONDS
    ca_file: Path | None = None


class TypesenseServer:
    """One Typesense server.

    Args:
        transport: for tests.
    """

    def __init__(self, connection: Connection, transport: httpx.BaseTransport | None = None) -> None:
        self.connection = connection
        self._mask = Mask([connection.key])
        self._transport = transport
        self._http: httpx.Client | None = None
        self._client: typesense.Client | None = None

    def close(self) -> None:
        """Closes the connections."""
        if self._http is not None:
            self._http.close()
        self._http = self._client = None

    @property
    def client(self) -> "typesense.Client":
        """The official client."""
        if self._client is None:
            self._client = self._create_client()
        return self._client

    def _create_client(self) -> "typesense.Client":
        try:
            import typesense
        except ImportError:
            raise SearchIndexError(
                "STASH_PIPELINE_TYPESENSE_URL is set, but the client of Typesense is not installed; "
                "install it with `pip install 'stash-pipeline[typesense]'`, or unset the variable."
            ) from None
        parts = urlsplit(self.connection.url)
        files = (str(self.connection.ca_file) if self.connection.ca_file else None, None, None)
        try:
            context = shared_context(self.connection.url, files)
        except StashError as error:
            raise SearchIndexError(
                f"{str(error).rstrip('.')}; correct STASH_PIPELINE_TYPESENSE_CA_FILE, or unset it."
            ) from None
        self._http = httpx.Client(
            timeout=httpx.Timeout(self.connection.timeout, connect=min(CONNECT_SECONDS, self.connection.timeout)),
            verify=context,
            transport=self._transport,
            follow_redirects=False,
        )
        node = {
            "host": parts.hostname or "",
            "port": parts.port or (443 if parts.scheme == "https" else 80),
            "path": parts.path,
            "protocol": parts.scheme,
        }
        with warnings.catch_warnings():
            # the client makes parts of its own that are deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            return typesense.Client(
                {
                    "nodes": [node],  # type: ignore[list-item]
                    "api_key": self.connection.key,
                    "num_retries": self.connection.retries,
                    "retry_interval_seconds": self.connection.retry_seconds,
                    "connection_timeout_seconds": self.connection.timeout,
                    "suppress_deprecation_warnings": True,
                },
                self._http,
            )

    def call(self, what: str, ask: "Callable[[typesense.Client], _Answer]") -> _Answer:
        """Sends a request.

        Args:
            what: completes "Typesense could not …".

        Raises:
            TypesenseMissingObjectError: if what it names does not exist.
            SearchIndexError: if the server cannot be reached, is too slow or refuses.
        """
        client = self.client
        from typesense import exceptions

        try:
            return ask(client)
        except exceptions.ObjectNotFound as error:
            raise TypesenseMissingObjectError(self._sentence(what, error)) from None
        except (exceptions.RequestUnauthorized, exceptions.RequestForbidden) as error:
            advice = "check STASH_PIPELINE_TYPESENSE_KEY."
            raise SearchIndexError(f"{self._sentence(what, error)} {advice[:1].upper()}{advice[1:]}") from None
        except httpx.TimeoutException:
            raise SearchIndexError(
                f"Typesense could not {what}: it did not answer within {self.connection.timeout:g} seconds; "
                "look at the server, or raise STASH_PIPELINE_TYPESENSE_TIMEOUT_SECONDS."
            ) from None
        except httpx.HTTPError as error:
            raise SearchIndexError(
                f"Typesense could not {what}: {self._masked(str(error) or type(error).__name__)}; "
                "check that the server runs, and STASH_PIPELINE_TYPESENSE_URL."
            ) from None
        except exceptions.TypesenseClientError as error:
            raise SearchIndexError(self._sentence(what, error)) from None
        except json.JSONDecodeError:
            raise SearchIndexError(
                f"Typesense could not {what}: what answers is no Typesense server; check STASH_PIPELINE_TYPESENSE_URL."
            ) from None

    def _masked(self, text: str) -> str:
        return self._mask.text(text)

    def _sentence(self, what: str, error: Exception) -> str:
        reason = self._masked(str(error)).strip().rstrip(".") or type(error).__name__
        return f"Typesense could not {what}: {reason[:500]}."

    # --- searches ---------------------------------------------------------------------------------------------

    def search(self, searches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answers searches in one request, or as many as the limit asks for. POST has no limit of length.

        Raises:
            SearchIndexError: if one of them is refused.
        """
        results: list[dict[str, Any]] = []
        for start in range(0, len(searches), SEARCHES):
            batch = list(searches[start : start + SEARCHES])
            answer: Any = self.call(
                "search",
                lambda client, batch=batch: client.multi_search.perform({"searches": batch}, {}),  # type: ignore[misc]
            )
            results += answer["results"]
        for result in results:
            if "error" in result:
                kind = TypesenseMissingObjectError if result.get("code") == 404 else SearchIndexError
                raise kind(f"Typesense could not search: {self._masked(str(result['error'])).rstrip('.')}.")
        return results

    # --- rows -------------------------------------------------------------------------------------------------

    def put_rows(self, collection: str, rows: Iterable[dict[str, Any]], size: int = 500) -> int:
        """Adds or replaces rows, in batches; returns how many.

        The server answers 200 even if it refused rows: each has a line of its own.

        Raises:
            TypesenseRowsError: names the rows that were refused, after all others are in.
        """
        count = 0
        refused: list[str] = []
        for batch in _batches(rows, size):
            lines = "\n".join(json.dumps(row, ensure_ascii=True) for row in batch)
            answer: str = self.call(
                "store documents",
                lambda client, lines=lines: client.api_call.post(  # type: ignore[misc]
                    f"/collections/{collection}/documents/import",
                    entity_type=str,
                    as_json=False,
                    params={"action": "upsert", "dirty_values": "reject"},
                    body=lines,
                ),
            )
            results = [json.loads(line) for line in answer.splitlines() if line.strip()]
            if len(results) != len(batch):
                raise SearchIndexError(
                    f"Typesense could not store documents: it answered {len(results)} lines to {len(batch)} rows."
                )
            for row, result in zip(batch, results, strict=True):
                if result.get("success") is True:
                    count += 1
                else:
                    refused.append(f"{row.get('id')}: {self._masked(str(result.get('error')))}")
        if refused:
            shown = "; ".join(refused[:3])
            raise TypesenseRowsError(
                f"Typesense refused {len(refused)} documents, and the index stays behind: {shown}."
            )
        return count

    def delete_rows(self, collection: str, ids: Sequence[str]) -> None:
        """Removes rows; ids that are not there are ignored."""
        for start in range(0, len(ids), 100):
            # in the address, whose length is limited
            filter_by = f"id:[{','.join(ids[start : start + 100])}]"
            self.call(
                "remove documents",
                lambda client, filter_by=filter_by: client.api_call.delete(  # type: ignore[misc]
                    f"/collections/{collection}/documents", entity_type=dict, params={"filter_by": filter_by}
                ),
            )

    def row(self, collection: str, id: str) -> dict[str, Any]:
        """One row.

        Raises:
            TypesenseMissingObjectError: if there is none.
        """
        return self.call(
            f"read from {collection}",
            lambda client: client.api_call.get(
                f"/collections/{collection}/documents/{id}", entity_type=dict, as_json=True
            ),
        )

    def rows(self, collection: str, fields: str) -> Iterator[dict[str, Any]]:
        """All rows of a collection, with some of their fields."""
        lines: str = self.call(
            f"read from {collection}",
            lambda client: client.api_call.get(
                f"/collections/{collection}/documents/export",
                entity_type=str,
                as_json=False,
                params={"include_fields": fields},
            ),
        )
        for line in lines.splitlines():
            if line.strip():
                yield json.loads(line)

    def drop(self, collection: str) -> None:
        """Removes a collection, if it is there."""
        # client.collections[name] makes parts that are deprecated
        with suppress(TypesenseMissingObjectError):
            self.call(
                f"remove the collection {collection}",
                lambda client: client.api_call.delete(f"/collections/{collection}", entity_type=dict),
            )


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
