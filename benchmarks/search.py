"""The search: how fast it answers, what an index costs, and how often people find what they mean.

Of 100,000 documents and, with ``--million``, of 1,000,000. Each query runs once, so p95 is of different queries.
The documents come from ``stash_pipeline_tests/search/library.py``, what is typed from ``truth.py`` beside it. Its seeds
are others than the one with which the ranking was tuned (1).
"""

import gc
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import by_size, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline.search.backend import IndexState, SearchReader
from stash_pipeline.search.documents import Document
from stash_pipeline.search.folding import query_tokens
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, SearchRequest, Sort, Word
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search import library, truth

SIZES = (100_000,)
MILLION = 1_000_000
QUERIES = 300
TYPED = 1_000
SEEDS = (7001, 7002, 7003)
SAMPLE = 20_000
"""Documents that the queries are made of; the others are not kept in memory."""
FIVE_FACETS = ("entity", "studio", "performer", "tag", "year")


@contextmanager
def measured(figures: dict[str, Any], name: str) -> Iterator[None]:
    """Seconds by the clock and of the processor."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    yield
    figures[name] = {
        "seconds": round(time.perf_counter() - clock, 2),
        "processor seconds": round(time.process_time() - processor, 2),
    }


def words(text: str) -> Condition:
    return AllOf(tuple(Word((token,)) for token in query_tokens(text)))


def asked(documents: Sequence[Document]) -> dict[str, list[SearchRequest]]:
    """The requests of each kind."""
    draw = random.Random(11)
    titles = [tokens for document in documents if len(tokens := query_tokens(document.title)) > 2]
    rich = [document for document in documents if document.entity == "scenes" and document.all_tag_ids]

    def some(make: Callable[[], Condition], **fields: Any) -> list[SearchRequest]:
        return [SearchRequest(make(), **fields) for _ in range(QUERIES)]

    def of_title(count: int) -> Condition:
        return words(" ".join(draw.sample(draw.choice(titles), count)))

    def filters() -> Condition:
        document = draw.choice(rich)
        return AllOf(
            (
                AnyOf("all_tag_ids", (draw.choice(document.all_tag_ids),)),
                Between("rating", draw.randint(0, 80), None),
                AnyOf("instance_ids", document.instance_ids),
            )
        )

    typed = list(truth.queries(documents, QUERIES * len(truth.KINDS), seed=12))
    of_kind = {kind: [one for one in typed if one.kind == kind] for kind in truth.KINDS}
    commonest = words(library.COMMON[0])
    return {
        "one word": some(lambda: of_title(1)),
        "three words": some(lambda: of_title(3)),
        **{
            kind: [SearchRequest(words(one.text)) for one in of_kind[kind]]
            for kind in ("prefix", "one typo", "two typos")
        },
        "three filters": some(filters),
        "commonest word": some(lambda: commonest)[:40],
        "commonest word by date": some(lambda: commonest, sort=(Sort("date"),))[:40],
        "one word, five facets": some(lambda: of_title(1), facets=FIVE_FACETS),
        "three filters, five facets": some(filters, facets=FIVE_FACETS),
        "commonest word, five facets": some(lambda: commonest, facets=FIVE_FACETS)[:40],
    }


def timed(reader: SearchReader, requests: Iterable[SearchRequest]) -> dict[str, float]:
    """Milliseconds of the requests."""
    clock, processor = [], []
    for request in requests:
        began, used = time.perf_counter(), time.process_time()
        reader.search(request)
        processor.append((time.process_time() - used) * 1_000)
        clock.append((time.perf_counter() - began) * 1_000)
    figures: dict[str, float] = {}
    for name, values in (("ms", clock), ("processor ms", processor)):
        cuts = statistics.quantiles(values, n=20)
        figures[f"p50 {name}"], figures[f"p95 {name}"] = round(cuts[9], 1), round(cuts[18], 1)
    return figures


def one_size(size: int) -> dict[str, Any]:
    """An index of so many documents, from nothing."""
    figures: dict[str, Any] = {}
    few = size <= SIZES[-1]
    documents = list(library.documents(size)) if few else []
    sample = documents or list(islice(library.documents(size), 0, None, size // SAMPLE))
    with TemporaryDirectory() as directory:
        backend = TantivyBackend(Path(directory) / "search")
        name = "build" if few else "build, with the generator of the documents"
        with measured(figures, name), backend.writer(rebuild=True) as writer:
            writer.put(documents or library.documents(size))
            writer.commit(IndexState(1, "a", backend.version))
        figures["MB on disk"] = round((backend.size() or 0) / 1e6, 1)
        edited = library.changed(sample, 0.01 * size / len(sample))
        with measured(figures, f"{len(edited):,} documents changed"), backend.writer() as writer:
            writer.put(edited)
            writer.commit(IndexState(2, "b", backend.version))
        reader = backend.reader()
        with measured(figures, "first search, which reads the vocabulary"):
            reader.search(SearchRequest(words("violin")))
        figures["words"] = len(reader.vocabulary())
        figures["queries"] = {kind: timed(reader, requests) for kind, requests in asked(sample).items()}
        # without the documents, if they were not kept
        figures["peak memory in MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000)
        if few:
            figures["found in the first five"] = quality(reader, documents)
    return figures


def quality(reader: SearchReader, documents: Sequence[Document]) -> dict[str, Any]:
    """How often people find what they mean."""
    changed = {document.id: document for document in library.changed(list(documents), 0.01)}
    now = [changed.get(document.id, document) for document in documents]
    return {
        f"seed {seed}, {TYPED:,} queries": {
            kind: round(share, 3)
            for kind, share in truth.success(reader, list(truth.queries(now, TYPED, seed))).items()
        }
        for seed in SEEDS
    }


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1].isdecimal():
        sys.stdout.write(json.dumps(one_size(int(sys.argv[1]))) + "\n")
        return
    sizes = (*SIZES, MILLION) if "--million" in sys.argv else SIZES
    figures: dict[str, Any] = {
        "asked": "100,000 documents: p50 5 ms, p95 20 ms, with five facets p95 30 ms, build 15 s, 1 % changed 1 s; "
        "1,000,000: p95 60 ms, with facets 200 ms; found in the first five 0.97"
    }
    for size, found in by_size(__file__, sizes).items():
        figures[f"{size:,} documents"] = found
    write("search", figures)


if __name__ == "__main__":
    main()
