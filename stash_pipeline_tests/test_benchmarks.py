"""The benchmarks run: of a small library, and without a look at the clock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_loading_a_prerendered_library_writes_each_object_once() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "load.py"), "120"], capture_output=True, text=True, timeout=120, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    # 120 scenes, 126 files, 100 folders, 40 markers, 12 performers, 10 tags, 1 studio, the configuration
    assert figures["first"]["documents written"] == 120 + 126 + 100 + 40 + 12 + 10 + 1 + 1
    assert figures["nothing changed"]["documents written"] == figures["nothing changed"]["rows written"] == 0
    assert 0 < figures["100 scenes changed"]["documents written"] <= 120


def test_a_prerendered_library_is_mirrored_by_the_snapshot_lane() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "snapshot.py"), "200"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["first"]["documents written"] == figures["first"]["documents"] > 500
    assert figures["nothing changed"]["documents"] == figures["first"]["documents"]
    assert figures["nothing changed"]["documents written"] == figures["nothing changed"]["rows written"] == 0
    assert figures["1 % of the scenes changed"]["documents written"] == 2


def test_searches_are_measured_and_their_quality_is() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "search.py"), "1500"], capture_output=True, text=True, timeout=300, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert "15 documents changed" in figures
    assert all(share > 0.9 for seed in figures["found in the first five"].values() for share in seed.values())


def test_queries_of_the_views_have_rows() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "queries.py"), "2000"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert len(figures) > 15 and all(figure["rows"] for figure in figures.values())


def test_exports_are_measured_in_every_format() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "export.py"), "1000"], capture_output=True, text=True, timeout=300, check=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {name: one["rows"] for name, one in figures.items() if name.startswith("scenes as")} == {
        f"scenes as {file_format}": 1000 for file_format in ("parquet", "csv", "jsonl")
    }
