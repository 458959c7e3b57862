"""A damaged or old index is noticed and made again, and its readers are not disturbed by that."""

import json
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from stash_pipeline.search.backend import IndexState, SearchIndexError, SearchIndexMissingError
from stash_pipeline.search.request import AllOf, SearchRequest
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search import library
from stash_pipeline_tests.search.suite import fill, id_of, numbers, scene, words

EVERYTHING = SearchRequest(AllOf(()), limit=1_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "search"


def generations(root: Path) -> list[Path]:
    return sorted(root.glob("index-*"))


def data_files(root: Path) -> list[Path]:
    """What tantivy wrote and needs."""
    (generation,) = generations(root)
    return sorted(path for path in generation.iterdir() if path.suffix in SUFFIXES)


SUFFIXES = (".term", ".idx", ".pos", ".fast", ".store", ".fieldnorm", ".del")


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(str(path.suffix)).randrange(len(content) - 100)] ^= 0x10
    path.write_bytes(content)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.fixture(scope="module")
def _with_deletes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an index that has files of all kinds, to copy."""
    original = tmp_path_factory.mktemp("deletes") / "search"
    backend = TantivyBackend(original)
    documents = list(library.documents(300))
    fill(backend, documents)
    with backend.writer() as writer:
        writer.delete([documents[0].id])
        writer.commit(IndexState(2, "b", backend.version))
    return original


@pytest.fixture
def with_deletes(_with_deletes: Path, root: Path) -> TantivyBackend:
    """An index with files of all kinds."""
    shutil.copytree(_with_deletes, root)
    return TantivyBackend(root)


def assert_made_again(root: Path) -> None:
    backend = TantivyBackend(root)
    assert backend.state() is None
    with pytest.raises(SearchIndexMissingError):
        backend.writer()
    fill(backend, [scene(1, "Harbour")], 9)
    assert backend.state() == IndexState(9, "token 9", backend.version, 1)
    assert numbers(backend.reader().search(SearchRequest(words("harbour")))) == [1]
    assert len(generations(root)) == 1


@pytest.mark.integration
@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        *product(SUFFIXES, (truncated, emptied, flipped, deleted)),
        # it has no checksum; the next test changes it
        *product(["meta.json"], (truncated, emptied, deleted)),
    ],
)
@pytest.mark.usefixtures("with_deletes")
def test_damage_is_noticed_and_the_index_made_again(root: Path, suffix: str, damage: Callable[[Path], None]) -> None:
    if suffix == "meta.json":
        path = generations(root)[0] / suffix
    else:
        path = next(path for path in data_files(root) if path.suffix == suffix)
    damage(path)
    # a reader that does not check first says so, or has not met the damage
    with suppress(SearchIndexError):
        TantivyBackend(root).reader().search(EVERYTHING)
    assert_made_again(root)


@pytest.mark.parametrize(("suffix", "damage"), [*product(SUFFIXES, (truncated, emptied, deleted))])
def test_a_file_that_is_cut_off_is_noticed_before_its_mapped_pages_are_read(
    root: Path, with_deletes: TantivyBackend, suffix: str, damage: Callable[[Path], None]
) -> None:
    open_reader = with_deletes.reader()
    assert open_reader.search(EVERYTHING).total == 299
    damage(next(path for path in data_files(root) if path.suffix == suffix))
    # to read them would end the process
    for _ in range(2):
        with pytest.raises(SearchIndexError, match="is damaged"):
            open_reader.search(EVERYTHING)
    with pytest.raises(SearchIndexError, match="is damaged"):
        TantivyBackend(root).reader()
    # which is how the next run notices, and makes the index again
    assert TantivyBackend(root).state() is None
    fill(TantivyBackend(root), [scene(1, "Harbour")])
    assert numbers(open_reader.search(SearchRequest(words("harbour")))) == [1]


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.integration) for seed in range(3, 8))]
)
def test_changes_of_the_list_of_files_never_pass_as_the_index(root: Path, seed: int) -> None:
    backend = TantivyBackend(root)
    fill(backend, [scene(number, "Harbour") for number in range(1, 60)])
    meta = generations(root)[0] / "meta.json"
    content = meta.read_bytes()
    draw = random.Random(seed)
    for _ in range(15):
        place = draw.randrange(len(content))
        meta.write_bytes(content[:place] + bytes([content[place] ^ (1 << draw.randrange(7))]) + content[place + 1 :])
        state = TantivyBackend(root).state()
        if state is not None:
            # what was changed means nothing
            assert numbers(TantivyBackend(root).reader().search(EVERYTHING)) == list(range(1, 60))


def test_without_an_index_nothing_is_made(root: Path) -> None:
    backend = TantivyBackend(root)
    assert backend.state() is None
    with pytest.raises(SearchIndexMissingError):
        backend.reader()
    assert not root.exists()
    assert_made_again(root)


@pytest.mark.parametrize("content", ["", "nonsense", "../..", "index-" + "0" * 32, "\xff"])
def test_a_wrong_pointer_to_the_index_is_no_index(root: Path, content: str) -> None:
    fill(TantivyBackend(root), [scene(1)])
    (root / "current").write_bytes(content.encode("latin-1"))
    assert_made_again(root)


def test_an_index_of_another_version_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("stash_pipeline.search.tantivy.writer.VERSION", "0.9")
        fill(TantivyBackend(root), [scene(1)])
    with pytest.raises(SearchIndexMissingError):
        TantivyBackend(root).reader()
    assert_made_again(root)


def test_an_index_with_other_fields_is_made_again(root: Path) -> None:
    fill(TantivyBackend(root), [scene(1)])
    meta = generations(root)[0] / "meta.json"
    written = json.loads(meta.read_bytes())
    written["schema"] = [field for field in written["schema"] if field["name"] != "shape"]
    meta.write_text(json.dumps(written))
    assert_made_again(root)


def test_commits_do_not_leave_a_segment_each(root: Path) -> None:
    backend = TantivyBackend(root)
    documents = list(library.documents(300))
    fill(backend, documents[:200])
    for document in documents[200:230]:
        fill(backend, [document], rebuild=False)
    segments = json.loads((generations(root)[0] / "meta.json").read_bytes())["segments"]
    assert len(segments) <= 8
    assert backend.reader().search(EVERYTHING).total == 230


def test_several_commits_of_one_writer_are_all_kept(root: Path) -> None:
    backend = TantivyBackend(root)
    reader = None
    with backend.writer(rebuild=True) as writer:
        for number in range(1, 4):
            writer.put([scene(number, "Harbour")])
            writer.commit(IndexState(number, "a", backend.version))
            reader = reader or backend.reader()
            assert reader.search(EVERYTHING).total == number
        writer.put([scene(4, "Harbour")])
    assert reader is not None and reader.search(EVERYTHING).total == 3


def test_a_rebuild_leaves_the_old_index_to_its_readers(root: Path) -> None:
    backend = TantivyBackend(root)
    fill(backend, [scene(1, "Harbour")])
    (old,) = generations(root)
    reader = backend.reader()
    fill(backend, [scene(2, "Harbour")], 2)
    # the reader has not looked yet
    assert old in generations(root)
    assert numbers(reader.search(EVERYTHING)) == [2]
    fill(backend, [scene(3, "Harbour")], 3)
    assert old not in generations(root)
    reader.close()
    fill(backend, [scene(4, "Harbour")], 4)
    assert len(generations(root)) == 1


def test_an_unfinished_rebuild_is_removed(root: Path) -> None:
    backend = TantivyBackend(root)
    fill(backend, [scene(1, "Harbour")])
    with suppress(ZeroDivisionError), backend.writer(rebuild=True) as writer:
        writer.put([scene(2)])
        raise ZeroDivisionError
    assert len(generations(root)) == 1
    (root / ("index-" + "f" * 32)).mkdir()
    with backend.writer():
        assert len(generations(root)) == 1


def test_a_writer_that_has_ended_refuses_work(root: Path) -> None:
    backend = TantivyBackend(root)
    with backend.writer(rebuild=True) as writer:
        writer.commit(IndexState(1, "a", backend.version))
    for use in (lambda: writer.put([scene(1)]), lambda: writer.delete([id_of(1)])):
        with pytest.raises(SearchIndexError):
            use()


def test_the_size_is_that_of_the_files(root: Path) -> None:
    backend = TantivyBackend(root)
    assert backend.size() == 0
    fill(backend, [scene(1)])
    assert backend.size() == sum(path.stat().st_size for path in generations(root)[0].iterdir())


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = TantivyBackend(tmp_path / "file" / "search")
    assert backend.state() is None
    with pytest.raises(SearchIndexError):
        backend.writer(rebuild=True)
