"""Generated libraries: reproducible, proportionate, with unusual values, and overlapping on request."""

import sqlite3
import time
from typing import Any

import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library


def _generated(**options: object) -> Library:
    library = Library.create()
    generate_library(library, **{"scenes": 300, "seed": 1, **options})  # type: ignore[arg-type]
    return library


@pytest.fixture(scope="module")
def large() -> Library:
    return _generated(scenes=2000)


def _dump(library: Library) -> str:
    connection: sqlite3.Connection = library.connection
    connection.row_factory = None
    return "\n".join(connection.iterdump())


def test_the_seed_determines_the_library() -> None:
    assert _dump(_generated()) == _dump(_generated())
    assert _dump(_generated()) != _dump(_generated(seed=2))


def test_the_time_zone_changes_only_timestamps() -> None:
    paris, utc = _generated(), _generated(timezone="UTC")
    title = "SELECT id, title FROM scenes ORDER BY id"
    assert paris.tuples(title) == utc.tuples(title)
    stamps = "SELECT updated_at FROM scenes"
    assert all(row[0].endswith("Z") for row in utc.tuples(stamps))
    assert {row[0][-6:] for row in paris.tuples(stamps)} == {"+01:00", "+02:00"}


def test_a_generated_library_is_proportionate_and_consistent(large: Library) -> None:
    library = large
    assert library.rows("PRAGMA foreign_key_check") == []
    assert library.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    expected = {
        "scenes": 2000, "performers": 200, "tags": 300, "studios": 60, "groups": 60, "galleries": 100,
        "images": 1500, "scene_markers": 600, "saved_filters": 3,
    }  # fmt: skip
    for table, count in expected.items():
        assert library.scalar(f'SELECT COUNT(*) FROM "{table}"') == count
    assert library.scalar("SELECT COUNT(*) FROM video_files") > 2000
    for table in ("groups_relations", "performer_custom_fields", "video_captions", "galleries_chapters"):
        assert library.scalar(f'SELECT COUNT(*) FROM "{table}"') > 10


@pytest.mark.parametrize(
    "condition",
    [
        "EXISTS (SELECT 1 FROM scenes WHERE title IS NULL) AND EXISTS (SELECT 1 FROM scenes WHERE title = '')",
        "EXISTS (SELECT 1 FROM scenes WHERE date_precision = 1)",
        "EXISTS (SELECT 1 FROM scenes WHERE date_precision = 2)",
        "EXISTS (SELECT 1 FROM scenes WHERE rating = 0) AND EXISTS (SELECT 1 FROM scenes WHERE rating = 100)",
        "EXISTS (SELECT 1 FROM files_fingerprints WHERE type = 'phash' AND fingerprint < 0)",
        "EXISTS (SELECT 1 FROM files_fingerprints WHERE type = 'phash' AND fingerprint BETWEEN 0 AND 65535)",
        "EXISTS (SELECT 1 FROM scenes WHERE id NOT IN (SELECT scene_id FROM scenes_files))",
        "EXISTS (SELECT scene_id FROM scenes_files GROUP BY scene_id HAVING COUNT(*) > 1)",
        "EXISTS (SELECT child_id FROM tags_relations GROUP BY child_id HAVING COUNT(*) > 1)",
        "EXISTS (SELECT performer_id FROM performer_stash_ids GROUP BY performer_id, endpoint HAVING COUNT(*) > 1)",
        "EXISTS (SELECT 1 FROM scenes WHERE title LIKE '%🏮%' OR title LIKE '%灯台%')",
        "EXISTS (SELECT 1 FROM galleries WHERE folder_id IS NULL AND id NOT IN"
        " (SELECT gallery_id FROM galleries_files))",
    ],
)
def test_a_library_of_2000_scenes_has_the_unusual_values_of_real_ones(large: Library, condition: str) -> None:
    assert large.scalar(f"SELECT {condition}") == 1


def test_libraries_with_the_same_overlap_seed_share_about_half_of_their_objects() -> None:
    one, other = _generated(seed=1, overlap_seed=9), _generated(seed=2, overlap_seed=9)
    stash_ids = "SELECT stash_id FROM scene_stash_ids"
    shared = set(one.tuples(stash_ids)) & set(other.tuples(stash_ids))
    assert 0.35 < len(shared) / len(one.tuples(stash_ids)) < 0.65
    hashes = "SELECT fingerprint FROM files_fingerprints WHERE type = 'oshash'"
    assert len(set(one.tuples(hashes)) & set(other.tuples(hashes))) > 100
    for table in ("performer_stash_ids", "studio_stash_ids", "tag_stash_ids"):
        assert set(one.tuples(f"SELECT stash_id FROM {table}")) & set(other.tuples(f"SELECT stash_id FROM {table}"))
    by_id = "SELECT s.stash_id, scenes.id, scenes.title FROM scene_stash_ids s JOIN scenes ON scenes.id = s.scene_id"
    mine = {row[0]: row[1:] for row in one.tuples(by_id)}
    theirs = {row[0]: row[1:] for row in other.tuples(by_id)}
    both = mine.keys() & theirs.keys()
    assert any(mine[key][0] != theirs[key][0] for key in both)
    same = sum(mine[key][1] == theirs[key][1] for key in both)
    assert 0 < same < len(both)


def _videos(library: Library) -> dict[str, dict[str, Any]]:
    """The videos of scenes with one file, by a stash id of the scene."""
    rows = library.rows(
        "SELECT i.stash_id, o.fingerprint AS oshash, p.fingerprint AS phash, v.duration, v.video_codec, f.size,"
        " f.basename FROM scene_stash_ids i JOIN scenes_files x ON x.scene_id = i.scene_id"
        " JOIN files f ON f.id = x.file_id JOIN video_files v ON v.file_id = f.id"
        " JOIN files_fingerprints o ON o.file_id = f.id AND o.type = 'oshash'"
        " JOIN files_fingerprints p ON p.file_id = f.id AND p.type = 'phash'"
        " WHERE i.scene_id IN (SELECT scene_id FROM scenes_files GROUP BY 1 HAVING COUNT(*) = 1)"
    )
    return {row["stash_id"]: dict(row) for row in rows}


def _both(**options: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    one, other = (_videos(_generated(seed=seed, overlap_seed=9, **options)) for seed in (1, 2))
    return [(one[key], other[key]) for key in sorted(one.keys() & other.keys())]


def test_variants_of_shared_videos_are_encoded_again_with_near_hashes() -> None:
    pairs = _both(variants=True)
    same = [pair for pair in pairs if pair[0]["oshash"] == pair[1]["oshash"]]
    again = [pair for pair in pairs if pair[0]["oshash"] != pair[1]["oshash"]]
    assert len(pairs) > 40 and 0.25 < len(same) / len(pairs) < 0.65
    for one, other in same:
        assert all(one[name] == other[name] for name in ("phash", "duration", "size", "video_codec"))
        assert one["basename"] != other["basename"]
    bits = [((one["phash"] ^ other["phash"]) & (2**64 - 1)).bit_count() for one, other in again]
    assert max(bits) <= 8 and len(set(bits)) > 2
    near = [abs(one["duration"] - other["duration"]) <= 1 for one, other in again]
    assert 0.8 < sum(near) / len(near) < 1, "a few are cut"
    assert all(one["size"] != other["size"] for one, other in again)
    # without variants, every shared video is the same file
    assert all(one["oshash"] == other["oshash"] for one, other in _both())


def test_perceptual_hashes_have_about_half_of_their_bits_set() -> None:
    hashes = _generated(variants=True, overlap_seed=9).tuples(
        "SELECT fingerprint FROM files_fingerprints WHERE type = 'phash'"
    )
    counts = [(value & (2**64 - 1)).bit_count() for (value,) in hashes]
    assert 31 < sum(counts) / len(counts) < 33
    assert sum(20 < count < 44 for count in counts) / len(counts) > 0.95


def test_variants_of_shared_performers_go_by_an_alias() -> None:
    names = "SELECT i.stash_id, p.name FROM performer_stash_ids i JOIN performers p ON p.id = i.performer_id"
    aliases = "SELECT i.stash_id, a.alias FROM performer_stash_ids i JOIN performer_aliases a USING (performer_id)"
    one, other = (_generated(seed=seed, scenes=1000, overlap_seed=9, variants=True) for seed in (1, 2))
    mine, theirs = dict(one.tuples(names)), dict(other.tuples(names))
    renamed = [key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]]
    assert 0.1 < len(renamed) / len(mine.keys() & theirs.keys()) < 0.6
    known = set(one.tuples(aliases)) | set(other.tuples(aliases))
    assert all((key, mine[key]) in known or (key, theirs[key]) in known for key in renamed)


def test_libraries_without_an_overlap_share_no_hash() -> None:
    hashes = "SELECT fingerprint FROM files_fingerprints WHERE type = 'oshash'"
    assert not set(_generated(seed=1).tuples(hashes)) & set(_generated(seed=2).tuples(hashes))


def test_an_empty_library_can_be_generated() -> None:
    assert _generated(scenes=0).scalar("SELECT COUNT(*) FROM scenes") == 0


def test_generating_is_quick() -> None:
    start = time.thread_time()
    _generated(scenes=2000)
    assert time.thread_time() - start < 5
