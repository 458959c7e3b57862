"""Reads entities from one server, with several requests in flight, while the caller processes what has arrived.

Several threads wait for the server and decode, so that a request is always under way. Another thread builds documents
from the responses, and the caller iterates over the events. ``pagination`` decides which request comes next;
``documents.py`` defines documents.
"""

import queue
import threading
from collections import deque
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from stash_pipeline.stash.client import Answer, StashClient, answer_hash
from stash_pipeline.stash.documents import Document, DocumentReader, finish
from stash_pipeline.stash.entities import EMBEDDED_FILE_TYPES
from stash_pipeline.stash.json_values import as_id
from stash_pipeline.stash.memory import MemoryBudget
from stash_pipeline.stash.pagination import Paginator, paginator
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.read_request import Purpose, ReadRequest, SparseFields
from stash_pipeline.stash.response_page import CachedPage, RawPage, Task
from stash_pipeline.stash.server_paths import folder_of


@dataclass
class Page:
    """The documents of one response, by entity (files may be embedded in others), and facts about the response.

    Attributes:
        cached: set if an earlier sync had the same response; there are no documents then.
        range: first and last id, if the page has all objects of its entity between them.
        purpose: for ``listing`` and ``incremental``, the documents of ``entity`` have only ``fields``; embedded
            documents are whole.
        sparse: set if the response lists the objects with these sparse fields.
    """

    entity: str
    documents: dict[str, list[Document]]
    variables: dict[str, Any]
    size: int
    seconds: float
    hash: bytes
    objects: int
    cached: CachedPage | None = None
    range: tuple[int, int] | None = None
    purpose: Purpose = "documents"
    fields: tuple[str, ...] = ()
    sparse: SparseFields | None = None

    @property
    def unreadable(self) -> int:
        """Objects with a value that its column cannot hold."""
        if self.cached:
            return self.cached.unreadable
        return sum(1 for documents in self.documents.values() for document in documents if document.unreadable)


@dataclass(frozen=True)
class Expected:
    """The server's own count of an entity, known when its pagination begins."""

    entity: str
    count: int


@dataclass(frozen=True)
class Complete:
    """All requested objects of an entity were read, and their number matches the server's count."""

    entity: str
    purpose: Purpose = "documents"
    sparse: SparseFields | None = None

    @property
    def everything(self) -> bool:
        """What was not read is gone, or has not changed."""
        return self.purpose in ("documents", "listing", "snapshot")


@dataclass(frozen=True)
class UnreadableObject:
    """An object exists but cannot be read. It comes before the ``Complete`` of its entity, and is not a deletion.

    Without an id: objects of this entity are embedded in others that could not be read. The entity then never gets a
    ``Complete``.
    """

    entity: str
    id: int | None
    message: str


@dataclass(frozen=True)
class NotFound:
    """Objects that were requested by id, and that the server does not have."""

    entity: str
    ids: tuple[int, ...]


Event = Page | Expected | UnreadableObject | Complete | NotFound


@dataclass
class _Progress:
    request: ReadRequest
    pages: Paginator
    open_tasks: int = 0
    announced: bool = False
    failed: bool = False


@dataclass
class DocumentBuilder:
    """The document readers of one server, and what they collect over the pages of several entities."""

    plans: dict[str, QueryPlan]
    prefix: str
    folder_paths: dict[int, str] = field(default_factory=dict)
    folders: dict[int, Document] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Objects that were sent but could not be read, as ``entity id``."""

    def __post_init__(self) -> None:
        self._readers: dict[int, DocumentReader] = {}
        self._lock = threading.Lock()

    def _reader(self, plan: QueryPlan) -> DocumentReader:
        # by identity: an entity can have one plan for whole objects and one for some of their fields
        if id(plan) not in self._readers:
            self._readers[id(plan)] = DocumentReader(plan, self.prefix)
        return self._readers[id(plan)]

    @property
    def files_are_embedded(self) -> bool:
        """The server has no query for files: they come with scenes, images and galleries."""
        return not self.plans["files"].query

    def page(self, raw: RawPage, request: ReadRequest | None = None) -> Page:
        """The documents of one response."""
        request = request or ReadRequest(raw.plan)
        name = raw.plan.entity.name
        answer = raw.answer
        page = Page(name, {name: []}, raw.variables, answer.size, answer.seconds, answer.hash, raw.count)
        page.purpose, page.sparse = request.purpose, request.sparse
        page.fields = tuple(planned.field.name for planned in raw.plan.fields)
        if raw.cached:
            page.cached, page.range, page.documents = raw.cached, (raw.cached.first, raw.cached.last), {}
            return page
        reader = self._reader(raw.plan)
        ids = raw.ids
        broken = False
        for value in raw.objects:
            document = reader.read(value, without=raw.without)
            page.documents[name].append(document)
            if document.broken:
                broken = True
                self.broken.append(f"{name} {document.id}")
            elif raw.plan.carries_files:
                self._embedded(name, value, page.documents)
        # broken objects have to be read again; a cached page would hide them
        if request.everything and raw.plan.pages_are_ranges and not raw.gaps and ids and not broken:
            page.range = min(ids), max(ids)
        return page

    def _embedded(self, owner: str, value: dict[str, Any], documents: dict[str, list[Document]]) -> None:
        """Adds files and folders, which releases before v0.29 only embed in their owners."""
        reader = self._reader(self.plans["files"])
        for entry in value.get("visual_files") or value.get("files") or []:
            type_name = entry.get("__typename")
            document = reader.read(
                entry, {"type": type_name if isinstance(type_name, str) else EMBEDDED_FILE_TYPES[owner]}
            )
            documents.setdefault("files", []).append(document)
            path, basename = entry.get("path"), entry.get("basename")
            folder_id = None if document.broken else entry.get("parent_folder_id")
            if folder_id and basename and isinstance(path, str) and isinstance(basename, str):
                folder = folder_of(path, basename)
                if folder is not None:
                    with self._lock:
                        self.folder_paths[as_id(folder_id)] = folder
        if value.get("folder"):
            folder_document = self._reader(self.plans["folders"]).read(value["folder"])
            with self._lock:
                self.folders[folder_document.id] = folder_document

    def collected_folders(self) -> list[Document]:
        """The folders seen so far: those of galleries whole, all others by id and path."""
        folders = dict(self.folders)
        for identifier, path in self.folder_paths.items():
            if identifier not in folders:
                folders[identifier] = finish({"id": identifier, "path": path}, identifier)
        return [folders[identifier] for identifier in sorted(folders)]


_END = object()

_OBJECTS_AHEAD = 2400
"""Maximum number of objects whose documents wait to be written."""


def read_library(
    client: StashClient,
    plans: dict[str, QueryPlan],
    requests: Sequence[ReadRequest],
    *,
    page_size: int,
    in_flight: int = 2,
) -> Iterator[Event]:
    """Executes read requests.

    Args:
        client: the server. plans: of all entities. requests: in order.
        page_size: objects per request. in_flight: number of concurrent requests.

    Yields:
        for each entity its expected count, its pages, its unreadable objects, and finally ``Complete``. Embedded files
        and folders come with their owners, and are complete once all objects of all owners were read.

    Raises:
        StashError: the first error of any request; events that were yielded before remain valid.
    """
    reader = _LibraryReader(client, plans, requests, page_size, in_flight)
    try:
        yield from reader.run()
    finally:
        reader.stop.set()
        reader.budget.close()


class _Budgeted:
    """A client whose decoded responses share a memory budget; see :class:`QueryExecutor`."""

    def __init__(self, client: StashClient, budget: MemoryBudget) -> None:
        self._client, self._budget = client, budget

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        cached: Container[bytes] = (),
    ) -> Answer:
        return self._client.execute(document, variables, name=name, cached=cached, budget=self._budget)


class _LibraryReader:
    def __init__(
        self,
        client: StashClient,
        plans: dict[str, QueryPlan],
        requests: Sequence[ReadRequest],
        page_size: int,
        in_flight: int,
    ) -> None:
        self.plans = plans
        self.builder = DocumentBuilder(plans, client.prefix)
        self.in_flight = max(1, in_flight)
        self.stop = threading.Event()
        self.arrived: queue.Queue[Any] = queue.Queue(maxsize=2 * self.in_flight + 2)
        largest = max((request.page_size or page_size for request in requests), default=page_size)
        self.out: queue.Queue[Any] = queue.Queue(maxsize=max(_OBJECTS_AHEAD // largest, 2))
        self.changed = threading.Condition()
        self.todo: deque[tuple[_Progress, Task]] = deque()
        self.active = 0
        self.budget = MemoryBudget()
        budgeted = _Budgeted(client, self.budget)
        self.progress: list[_Progress] = []
        for request in requests:
            pages = paginator(
                budgeted,
                request.plan,
                request.page_size or page_size,
                cached=request.cached,
                criterion=request.criterion,
                ids=request.ids,
                complete=request.everything,
            )
            tasks = pages.tasks()
            progress = _Progress(request, pages, open_tasks=len(tasks))
            self.progress.append(progress)
            self.todo.extend((progress, task) for task in tasks)
        self.unfinished = {id(progress) for progress in self.progress}

    def run(self) -> Iterator[Event]:
        threads = [
            threading.Thread(target=self._work, name=f"stash-reader-{n}", daemon=True) for n in range(self.in_flight)
        ]
        threads.append(threading.Thread(target=self._make_documents, name="stash-documents", daemon=True))
        for thread in threads:
            thread.start()
        while (event := self.out.get()) is not _END:
            if isinstance(event, BaseException):
                self.stop.set()
                raise event
            if isinstance(event, tuple):
                event, answer = event
                answer.release()
            yield event
        carriers = [progress for progress in self.progress if progress.request.plan.carries_files]
        if carriers and not self.unfinished:
            yield from self._embedded_ends(carriers)

    def _embedded_ends(self, carriers: list[_Progress]) -> Iterator[Event]:
        """The folders that were seen, and the end of the embedded entities if all of their owners were read."""
        names = [name for name, plan in self.plans.items() if not plan.query and plan.entity.embedded_in]
        all_of = {progress.request.entity for progress in carriers if progress.request.everything}
        complete = all(all_of.issuperset(self.plans[name].entity.embedded_in) for name in names)
        yield self._folders_page("documents" if complete else "objects")
        if not complete:
            return
        lost = [
            f"{progress.request.entity} {identifier}"
            for progress in carriers
            for identifier in sorted(progress.pages.reader.unreadable)
        ]
        # broken objects of any owner
        lost += self.builder.broken
        for name in names:
            if lost:
                owners = ", ".join(lost[:10]) + (", …" if len(lost) > 10 else "")
                yield UnreadableObject(name, None, f"{name} are embedded in {owners}, which could not be read.")
            else:
                yield Complete(name)

    def _folders_page(self, purpose: Purpose) -> Page:
        documents = self.builder.collected_folders()
        joined = orjson.dumps([document.hash.hex() for document in documents])
        digest = answer_hash(joined)
        return Page("folders", {"folders": documents}, {}, 0, 0.0, digest, len(documents), purpose=purpose)

    # --- threads ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._run_task(*item)
        except BaseException as error:
            self._put(self.arrived, error)
        finally:
            with self.changed:
                self.changed.notify_all()
            self._put(self.arrived, _END)

    def _make_documents(self) -> None:
        ended = 0
        while ended < self.in_flight and not self.stop.is_set():
            try:
                event = self.arrived.get(timeout=0.2)
            except queue.Empty:
                continue
            if event is _END:
                ended += 1
                continue
            if isinstance(event, tuple):
                request, page = event
                try:
                    documents = self.builder.page(page, request)
                    page.release_objects()
                    if page.answer.reservation:
                        page.answer.reservation.shrink(page.answer.size)
                    event = documents, page.answer
                except BaseException as error:
                    event = error
            self._put(self.out, event)
        self._put(self.out, _END)

    def _next(self) -> tuple[_Progress, Task] | None:
        with self.changed:
            while not self.todo and self.active and not self.stop.is_set():
                self.changed.wait(0.5)
            if not self.todo or self.stop.is_set():
                return None
            self.active += 1
            return self.todo.popleft()

    def _run_task(self, progress: _Progress, task: Task) -> None:
        try:
            for item in task():
                if self.stop.is_set():
                    return
                if isinstance(item, RawPage):
                    self._announce(progress)
                    self._put(self.arrived, (progress.request, item))
                else:
                    with self.changed:
                        progress.open_tasks += 1
                        self._insert(progress, item)
                        self.changed.notify()
            self._announce(progress)
        except BaseException:
            progress.failed = True
            raise
        finally:
            with self.changed:
                self.active -= 1
                progress.open_tasks -= 1
                last = progress.open_tasks == 0
                self.changed.notify_all()
        if last and not progress.failed and not self.stop.is_set():
            progress.pages.verify()
            self._finish(progress)

    def _finish(self, progress: _Progress) -> None:
        with self.changed:
            self.unfinished.discard(id(progress))
        request = progress.request
        for identifier, message in sorted(progress.pages.reader.unreadable.items()):
            self._put(self.arrived, UnreadableObject(request.entity, identifier, message))
        if request.ids is not None and progress.pages.reader.vanished:
            self._put(self.arrived, NotFound(request.entity, tuple(sorted(progress.pages.reader.vanished))))
        self._put(self.arrived, Complete(request.entity, request.purpose, request.sparse))

    def _insert(self, progress: _Progress, task: Task) -> None:
        """Inserts a task before the tasks of later requests: one entity is finished before the next one begins."""
        for position, (other, _) in enumerate(self.todo):
            if other is not progress:
                self.todo.insert(position, (progress, task))
                return
        self.todo.append((progress, task))

    def _announce(self, progress: _Progress) -> None:
        with self.changed:
            if progress.announced or progress.pages.reader.expected is None or not progress.request.everything:
                return
            progress.announced = True
        self._put(self.arrived, Expected(progress.request.entity, progress.pages.reader.expected))

    def _put(self, destination: queue.Queue[Any], event: Any) -> None:
        # nobody consumes the queue after the reader was stopped
        while not self.stop.is_set():
            with suppress(queue.Full):
                destination.put(event, timeout=0.2)
                return
