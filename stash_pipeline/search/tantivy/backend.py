"""The back end: one index in one directory."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import tantivy

from stash_pipeline.home_names import home_name
from stash_pipeline.search.backend import IndexState, SearchIndexError, SearchIndexMissingError
from stash_pipeline.search.tantivy.directory import IndexDirectory
from stash_pipeline.search.tantivy.reader import Snapshot, TantivyReader
from stash_pipeline.search.tantivy.schema import VERSION, build_schema
from stash_pipeline.search.tantivy.writer import TantivyWriter, failure_reported


class TantivyBackend:
    """The index of a home, in files that any process of this machine can read."""

    name = "tantivy"
    version = VERSION

    def __init__(self, root: Path) -> None:
        """Args:
        root: the directory of the index, which is made when it is first written.
        """
        self._directory = IndexDirectory(root)

    @property
    def place(self) -> str:
        """The name of the home that has it: hosts that share a database have an index each."""
        return home_name(self._directory.root.parent)

    def state(self) -> IndexState | None:
        """What the index holds; None if it is missing, damaged or of another version, and must be rebuilt."""
        try:
            used = self._directory.use()
        except OSError:
            return None
        if used is None:
            return None
        generation, in_use = used
        try:
            # checked before it is opened: tantivy trusts its files
            if not self._directory.is_intact(generation, _expected_schema()):
                return None
            return Snapshot(generation).state
        except SearchIndexError:
            return None
        finally:
            in_use.release()

    def is_present(self) -> bool:
        """Whether there is an index, without a look at what it holds."""
        return self._directory.current() is not None

    def reader(self) -> TantivyReader:
        """Opens the index for searches.

        Raises:
            SearchIndexMissingError: if there is none.
        """
        return TantivyReader(self._directory)

    def writer(self, *, rebuild: bool = False, wait_seconds: float = 0.0) -> TantivyWriter:
        """Opens the index for changes.

        Args:
            rebuild: begin with an empty index. Readers see the old one until the commit.

        Raises:
            SearchIndexLockedError: if another process still writes after that time.
            SearchIndexMissingError: if there is no index that can be changed.
            SearchIndexError: if the directory cannot be written.
        """
        with failure_reported(self._directory.root):
            lock = self._directory.lock(wait_seconds)
        try:
            generation = None
            if not rebuild:
                generation = self._directory.current()
                if generation is None or self.state() is None:
                    raise SearchIndexMissingError(
                        f"There is no search index in {self._directory.root} that can be changed; rebuild it."
                    )
            return TantivyWriter(self._directory, lock, generation)
        except BaseException:
            lock.release()
            raise

    def size(self) -> int | None:
        """Bytes on disk."""
        return self._directory.size()


@cache
def _expected_schema() -> Any:
    """The schema as tantivy writes it down, which it only tells by doing so."""
    with TemporaryDirectory() as directory:
        tantivy.Index(build_schema(), directory)
        return orjson.loads(Path(directory, "meta.json").read_bytes())["schema"]
