"""What is published runs: an installed wheel has every file that it needs, on every Python that is supported.

A wheel is made from the source distribution, as installers do, and that from a copy of the tree, where no earlier
build lies about.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "stash_pipeline_tests"
)

pytestmark = pytest.mark.processes


def _run(*command: str | Path, cwd: Path, seconds: float = 600, **environment: str) -> str:
    """What a command prints; it must end well."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STASH_PIPELINE_", "DAGSTER_", "PYTHONPATH"))}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions() -> Iterator[Path]:
    """A folder with the source distribution and the wheel.

    Not in pytest's directory, which is closed to the user that root's private Postgres runs as.
    """
    with TemporaryDirectory(prefix="stash-pipeline-wheel-") as directory:
        source, made = Path(directory) / "source", Path(directory) / "dist"
        shutil.copytree(ROOT, source, ignore=NOT_COPIED)
        _run(sys.executable, "-m", "build", "--outdir", made, source, cwd=Path(directory))
        yield made


def _package_files() -> set[str]:
    """All files of the package but what Python makes by itself."""
    package = ROOT / "stash_pipeline"
    return {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_contains_every_file_of_the_package(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert _package_files() - names == set()
    data = {name.rpartition("/share/stash_pipeline/")[2] for name in names if "/share/stash_pipeline/" in name}
    assert data == {"dagster.yaml", "workspace.yaml"}
    assert not any(name.startswith("stash_pipeline_tests/") for name in names)


def test_the_source_distribution_contains_every_file_of_the_package(distributions: Path) -> None:
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert _package_files() | {"dagster.yaml", "workspace.yaml", "setup.cfg", "pyproject.toml", "LICENSE"} <= names


def _version(python: Path | str) -> str | None:
    """The version of an interpreter, or None if it does not run or cannot make environments."""
    question = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-I", "-c", question], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _interpreter(version: str) -> Path | str | None:
    """An interpreter of that version: on the path, or of those that pyenv or uv have installed."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local/share/uv/python"))
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(versions.glob(f"{version}.*/bin/python"), reverse=True),
        *sorted(uv.glob(f"cpython-{version}.*/bin/python{version}"), reverse=True),
    ]
    return next((python for python in candidates if python and _version(python) == version), None)


@pytest.mark.parametrize("version", PYTHONS)
def test_an_installed_wheel_runs_the_demo_from_any_folder(distributions: Path, version: str) -> None:
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"There is no Python {version} here.")
    (wheel,) = distributions.glob("*.whl")
    with TemporaryDirectory(prefix="stash-pipeline-installed-") as directory:
        elsewhere = Path(directory) / "elsewhere"
        elsewhere.mkdir()
        programs = Path(directory) / "venv" / "bin"
        _run(python, "-m", "venv", programs.parent, cwd=elsewhere)
        _run(programs / "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[demo]", cwd=elsewhere)
        home = Path(directory) / "home"
        shown = _run(
            programs / "stash-pipeline", "demo", "--no-ui", "--scenes", "40", cwd=elsewhere,
            STASH_PIPELINE_HOME=str(home), COLUMNS="160",
        )  # fmt: skip
        rows = [line for line in shown.splitlines() if line.startswith("│ scenes ")]
        assert len(rows) == 3, shown
        for row in rows[:2]:
            assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == ["40", "40"]
        # what the demo does not need: Dagster's own commands find the definitions, and old releases are simulated
        _run(programs / "python", "-c", "import stash_pipeline.definitions", cwd=elsewhere)
        assert "findScenes" in _run(
            programs / "stash-pipeline", "query", "scenes", "--release", "v0.20", cwd=elsewhere,
            STASH_PIPELINE_HOME=str(home),
        )  # fmt: skip
