"""The examples of ``docs/extending.md``, carried out in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from stash_pipeline.instances import edit_instance
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.extended import SCENES, SEED
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")

pytestmark = pytest.mark.processes


@pytest.fixture
def package() -> Iterator[Path]:
    """A copy of the package, its Makefile and its documentation."""
    # not in pytest's directory, which is closed to the user that root's private Postgres runs as
    with TemporaryDirectory(prefix="stash-pipeline-extended-") as directory:
        copy = Path(directory)
        ignored = shutil.ignore_patterns("__pycache__")
        for folder in ("stash_pipeline", "docs"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
        for file in ("Makefile", "dagster.yaml"):
            shutil.copy(ROOT / file, copy)
        yield copy


@pytest.fixture
def server(database_url: str, home: Path) -> Mirror:
    """A server that was mirrored by the package as it is."""
    made = new_mirror(database_url, home, generated(SCENES, seed=SEED))
    made.refresh()
    with connect(database_url) as connection:
        edit_instance(connection, made.instance.name, home=home, lane="auto")
    return made


def run(package: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "PYTHONPATH"))}
    # the copy comes first, the tests are those of here
    path = os.pathsep.join([str(package), str(ROOT)])
    return subprocess.run(
        command,
        cwd=package,
        env={**kept, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def follow(package: Path, title: str) -> None:
    """Makes the changes of one section, and runs its commands."""
    text = section(title)
    for path, source in re.findall(r"```python\n# (\S+\.py)\n(.*?)```", text, re.DOTALL):
        assert not (package / path).exists()
        (package / path).write_text(source, "utf-8")
    for path, lines in re.findall(r"```diff\n--- (\S+)\n(.*?)```", text, re.DOTALL):
        before = "".join(line[1:] for line in lines.splitlines(keepends=True) if line[0] in " -")
        after = "".join(line[1:] for line in lines.splitlines(keepends=True) if line[0] in " +")
        content = (package / path).read_text("utf-8")
        assert content.count(before) == 1, f"{path} does not have, once: {before}"
        (package / path).write_text(content.replace(before, after), "utf-8")
    for name in re.findall(r"^make migration NAME=(\w+)$", text, re.MULTILINE):
        # with the environment that is there, instead of one of the copy's own
        made = run(package, "make", "migration", f"NAME={name}", "STAMP=", f"BIN={Path(sys.executable).parent}")
        assert made.returncode == 0, made.stderr
        assert f"_{name}.sql" in made.stdout


def mirrored(package: Path, server: Mirror, *what: Any) -> Any:
    upgraded = run(
        package,
        *(sys.executable, "-m", "stash_pipeline", "db", "upgrade"),
        STASH_PIPELINE_DATABASE_URL=server.database_url,
        STASH_PIPELINE_HOME=str(server.settings.home),
    )
    assert upgraded.returncode == 0, upgraded.stderr
    arguments = [server.database_url, str(server.settings.home), server.instance.name, *map(json.dumps, what)]
    done = run(package, sys.executable, "-m", "stash_pipeline_tests.extended", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def lines_of_the_product(title: str) -> int:
    blocks = re.findall(r"```diff\n--- stash_pipeline/(?!simulator/)\S+\n(.*?)```", section(title), re.DOTALL)
    return sum(line.startswith("+") for block in blocks for line in block.splitlines())


def test_adding_a_field_takes_one_line_and_a_migration(package: Path, server: Mirror) -> None:
    assert lines_of_the_product("A field") == 1
    follow(package, "A field")
    found = mirrored(
        package,
        server,
        ["UPDATE scenes SET weather = 'rain' WHERE id IN (2, 3)"],
        [
            "SELECT id, document->>'weather' FROM raw.scenes WHERE document ? 'weather' ORDER BY id",
            "SELECT id, weather FROM stash.scenes WHERE weather IS NOT NULL ORDER BY id",
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'stash' AND indexname LIKE '%weather%'",
        ],
        "stash.scenes",
    )
    assert found["lane"] == "snapshot" and not found["fields_not_in_snapshot"]
    assert found["changed"] == {"scenes": [0, 2, 0]}
    assert found["changed_by_the_other_lane"] == [{}, []]
    assert not found["lanes_differ"] and not found["rebuilt_differs"]
    rain = [[2, "rain"], [3, "rain"]]
    assert found["rows"] == [rain, rain, [["scenes_weather_idx"]]]
    assert "weather" in found["columns"]
    assert "| weather | text |" in (package / "docs" / "tables.md").read_text("utf-8")


def test_a_field_missing_in_copies_is_read_by_graphql(package: Path, server: Mirror) -> None:
    follow(package, "A field")
    # the server computes it of another column
    specification = package / "stash_pipeline" / "stash" / "entities" / "media.py"
    line = 'field.text("weather", index="hash")'
    text = specification.read_text("utf-8")
    specification.write_text(text.replace(line, 'field.text("weather", index="hash", stored="t.climate")'), "utf-8")
    found = mirrored(
        package,
        server,
        ["UPDATE scenes SET weather = 'rain' WHERE id IN (2, 3)"],
        ["SELECT id FROM stash.scenes WHERE weather = 'rain' ORDER BY id"],
        "stash.scenes",
    )
    assert found["lane"] == "snapshot" and found["fields_not_in_snapshot"] == ["scenes.weather"]
    assert found["changed"] == {"scenes": [0, 2, 0]} and found["rows"] == [[[2], [3]]]
    assert found["changed_by_the_other_lane"] == [{}, []]


def test_adding_an_entity_takes_its_specification_and_a_migration(package: Path, server: Mirror) -> None:
    follow(package, "An entity")
    found = mirrored(
        package,
        server,
        [
            "INSERT INTO playlists VALUES (1, 'first'), (2, 'second')",
            "INSERT INTO playlists_scenes VALUES (1, 3), (1, 2), (2, 2)",
        ],
        [
            "SELECT id, document->>'name' FROM raw.playlists ORDER BY id",
            "SELECT id, name FROM stash.playlists ORDER BY id",
            "SELECT playlist_id, scene_id FROM stash.playlist_scenes ORDER BY 1, 2",
            "SELECT entity, id FROM ops.object_log WHERE entity = 'playlists' ORDER BY id",
        ],
        "stash.playlist_scenes",
    )
    assert found["changed"] == {"playlists": [2, 0, 0]}
    assert found["changed_by_the_other_lane"] == [{}, []]
    assert not found["fields_not_in_snapshot"] and not found["lanes_differ"] and not found["rebuilt_differs"]
    named = [[1, "first"], [2, "second"]]
    logged = [["playlists", 1], ["playlists", 2]]
    assert found["rows"] == [named, named, [[1, 2], [1, 3], [2, 2]], logged]
    assert found["columns"] == ["instance_id", "playlist_id", "scene_id"]
    assert "### stash.playlist_scenes" in (package / "docs" / "tables.md").read_text("utf-8")


def test_adding_a_layer_takes_a_module_a_registration_and_a_migration(package: Path, server: Mirror) -> None:
    assert lines_of_the_product("A layer") == 2
    follow(package, "A layer")
    found = mirrored(
        package,
        server,
        [],
        ["SELECT id, sort_title FROM sort_titles.scenes WHERE id = 1", "SELECT count(*) FROM sort_titles.scenes"],
        "sort_titles.scenes",
    )
    assert found["followed"]["sort_titles.scenes"] == [SCENES, 0, 1, 1]
    assert found["rows"] == [[[1, "last"]], [[SCENES]]]
    assert found["columns"] == ["instance_id", "id", "sort_title"]
    assert "### sort_titles.scenes" in (package / "docs" / "tables.md").read_text("utf-8")


def test_adding_a_command_takes_a_module_and_its_options(package: Path, server: Mirror) -> None:
    follow(package, "A command")
    there = {"STASH_PIPELINE_DATABASE_URL": server.database_url, "STASH_PIPELINE_HOME": str(server.settings.home)}
    program = (sys.executable, "-m", "stash_pipeline", "count")
    printed = run(package, *program, "scenes", **there)
    assert (printed.returncode, printed.stdout) == (0, f"{server.instance.name}: {SCENES} scenes\n"), printed.stderr
    assert json.loads(run(package, *program, "tags", "--json", **there).stdout)[server.instance.name] > 0
    wrong = run(package, *program, "songs", **there)
    assert wrong.returncode == 1 and "There is no entity 'songs'; choose one of tags, " in wrong.stderr
    assert "Traceback" not in wrong.stderr
