"""NFO files are well-formed whatever the texts are, get only where they may, and leave those of others alone."""

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stash_pipeline.errors import UserError
from stash_pipeline.exports import nfo
from stash_pipeline.exports.nfo import document, export_nfo, parsed_mapping
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.examples import examples
from stash_pipeline_tests.mirror.working import run_program

SCENE = {
    "id": 1, "title": "", "details": None, "date": None, "date_precision": None, "rating100": None, "play_count": 0,
    "last_played_at": None, "studio": None, "director": None, "performers": [], "tags": [], "groups": [], "urls": [],
    "path": None, "duration": None, "width": None, "height": None, "video_codec": None, "audio_codec": None,
    "created_at": None,
}  # fmt: skip

# what Postgres can store: any text without U+0000
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(texts, texts, st.lists(texts))
def test_any_text_makes_a_well_formed_document(title: str, details: str, names: list[str]) -> None:
    lists = {"performers": names, "tags": names, "urls": names}
    root = ElementTree.fromstring(document({**SCENE, "title": title, "details": details, **lists}, "by a test"))
    assert root.tag == "movie"
    shown = nfo._NOT_IN_XML.sub("\ufffd", title)
    # a parser makes line ends alike
    assert (root.findtext("title") or "") == shown.replace("\r\n", "\n").replace("\r", "\n")
    assert len(root.findall("actor/name")) == len(names)


@given(texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50))
def test_any_title_makes_a_name_in_the_folder(tmp_path: Path, title: str) -> None:
    target = nfo._inside({**SCENE, "title": title, "id": 7}, tmp_path)
    assert target.parent == tmp_path
    target.write_bytes(b"")
    assert target.name.endswith(" [7].nfo")
    target.unlink()


def test_each_scene_gets_a_file_with_what_it_has(servers: Servers, tmp_path: Path) -> None:
    instance = servers.servers[0].instance
    result = export_nfo(servers.database_url, instance.name, folder=tmp_path)
    rows = servers.rows(
        "SELECT id, coalesce(nullif(title, ''), regexp_replace(path, '^.*/|\\.[^.]*$', '', 'g')), tags, performers,\n"
        "    studio, rating100, date, date_precision\n"
        "FROM stash.scenes_full WHERE instance_id = %s",
        [instance.id],
    )
    assert (result.written, result.unchanged) == (len(rows), 0)
    found = {}
    for path in tmp_path.glob("*.nfo"):
        root = ElementTree.parse(path).getroot()
        found[int(root.findtext("uniqueid[@type='stash']") or 0)] = root
    for identifier, title, tags, performers, studio, rating, date, precision in rows:
        root = found[identifier]
        assert root.findtext("title") == title
        assert [one.text for one in root.findall("tag")] == tags
        assert [one.text for one in root.findall("actor/name")] == performers
        assert root.findtext("studio") == studio
        assert root.findtext("userrating") == (None if rating is None else str(round(rating / 10)))
        # a year alone is no day of a premiere
        assert root.findtext("premiered") == (date.isoformat() if precision == "day" else None)
        assert root.findtext("year") == (str(date.year) if date else None)
    again = export_nfo(servers.database_url, instance.name, folder=tmp_path)
    assert (again.written, again.unchanged) == (0, len(rows))


def test_a_changed_title_leaves_one_file_and_other_files_stay(servers: Servers, tmp_path: Path) -> None:
    first, second = (server.instance for server in servers.servers)
    export_nfo(servers.database_url, first.name, folder=tmp_path)
    count = len(list(tmp_path.glob("*.nfo")))
    (tmp_path / "mine.nfo").write_text("<movie/>")
    title = servers.rows("SELECT title FROM stash.scenes WHERE instance_id = %s AND id = 1", [first.id])[0][0]
    edit = "UPDATE stash.scenes SET title = %s WHERE instance_id = %s AND id = 1"
    servers.execute(edit, ["Another: title / with <all>", first.id])
    try:
        result = export_nfo(servers.database_url, first.name, folder=tmp_path)
        assert (result.written, result.removed) == (1, 1)
        assert (tmp_path / "Another_ title _ with _all_ [1].nfo").exists() and (tmp_path / "mine.nfo").exists()
        assert len(list(tmp_path.glob("*.nfo"))) == count + 1
        # the other server's scene of the same title and id is left out rather than put over it
        servers.execute(edit, ["Another: title / with <all>", second.id])
        assert export_nfo(servers.database_url, second.name, folder=tmp_path).foreign == 1
    finally:
        servers.execute(edit, [title, first.id])


def test_beside_media_only_mapped_folders_that_exist_are_written(servers: Servers, tmp_path: Path) -> None:
    instance = servers.servers[0].instance
    paths = [
        PurePosixPath(row[0])
        for row in servers.rows(
            "SELECT DISTINCT path FROM stash.scenes_full WHERE instance_id = %s AND path IS NOT NULL", [instance.id]
        )
    ]
    root = PurePosixPath(*paths[0].parts[:2])
    here = next(path.parent for path in paths if path.is_relative_to(root))
    folder = tmp_path / here.relative_to(root)
    folder.mkdir(parents=True)
    foreign = folder / f"{min(path for path in paths if path.parent == here).stem}.nfo"
    # the folders above it are here as well
    inside = {path for path in paths if path.parent in (here, *here.parents) and path.is_relative_to(root)}
    foreign.write_text("<movie><title>mine</title></movie>")
    mapping = parsed_mapping([f"{root}={tmp_path}"])
    result = export_nfo(servers.database_url, instance.name, folder=None, mapping=mapping)
    assert result.foreign >= 1 and str(foreign) in result.sentence() and "--overwrite" in result.sentence()
    assert foreign.read_text() == "<movie><title>mine</title></movie>"
    assert {path.name for path in tmp_path.rglob("*.nfo")} == {f"{path.stem}.nfo" for path in inside}
    assert result.without_folder > 0 or inside == set(paths)
    export_nfo(servers.database_url, instance.name, folder=None, mapping=mapping, overwrite=True)
    assert b"stash-pipeline" in foreign.read_bytes()


def test_a_path_cannot_lead_out_of_the_mapped_folder(tmp_path: Path) -> None:
    result = nfo.NfoExport()
    mapping = {PurePosixPath("/data"): tmp_path / "media"}
    (tmp_path / "media").mkdir()
    assert nfo._beside({**SCENE, "path": "/data/../x.mp4"}, mapping, result) is None
    assert result.without_folder == 1
    windows = {PurePosixPath("D:/data"): tmp_path / "media"}
    assert nfo._beside({**SCENE, "path": "D:\\data\\x.mp4"}, windows, result) == tmp_path / "media" / "x.nfo"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give --out DIR, or --beside-media with --map"),
        (["--beside-media"], "--beside-media needs --map"),
        (["--map", "/data=/tmp", "--out", "/tmp/x"], "--map has no effect without --beside-media"),
        (["--beside-media", "--map", "/data"], "has another form than SERVER=LOCAL"),
        (["--beside-media", "--map", "/data=/no/such/folder"], "does not exist here"),
        (["--beside-media", "--map", "/data=/tmp", "--out", "/tmp/x"], "one place for the NFO files"),
    ],
)
def test_nothing_is_written_without_one_clear_place(
    servers: Servers, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], says: str,
) -> None:  # fmt: skip
    command = ["export", "nfo", servers.servers[0].instance.name, *arguments]
    assert run_program(servers.database_url, home, monkeypatch, *command) == 1
    assert says in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="An NFO file cannot be written"):
        export_nfo(servers.database_url, servers.servers[0].instance.name, folder=tmp_path / "file")
