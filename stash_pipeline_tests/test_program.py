"""How the program ends: exit codes, sentences, JSON, and what it does about defects and terminals."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline import __main__ as program
from stash_pipeline.cli import app
from stash_pipeline.error_report import without_secrets
from stash_pipeline.errors import UserError
from stash_pipeline.settings import use_settings

Run = Callable[..., tuple[int, str, str]]

KEY = "eyJhbGciOiJIUzI1NiJ9.bm90LWEtcmVhbC1rZXk.c2ln"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: exit code, standard output, standard error."""

    def ended(*arguments: str) -> tuple[int, str, str]:
        use_settings(None)
        monkeypatch.setattr(sys, "argv", ["stash-pipeline", *arguments])
        monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
        with pytest.raises(SystemExit) as end:
            program.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return ended


CONTRADICTIONS = [
    ("sync", "--wait", "5", "--no-wait"),
    ("sync", "--dry-run", "--wait", "5"),
    ("sync", "--dry-run", "--no-wait"),
    ("sync", "--entity", "scenes", "--id", "1", "--mode", "sweep"),
    ("sync", "--entity", "scenes", "--id", "1", "--mode", "changes"),
    ("sync", "--entity", "scenes", "--id", "1", "--lane", "snapshot"),
    ("demo", "--no-ui", "--port", "3001"),
    ("simulate", "--database", "x.sqlite", "--scenes", "5"),
    ("simulate", "--database", "x.sqlite", "--seed", "5"),
    ("simulate", "--database", "x.sqlite", "--overlap-seed", "5"),
    ("simulate", "--database", "x.sqlite", "--variants"),
    ("simulate", "--variants"),
    ("duplicates", "--within", "--across"),
    ("instances", "protect", "home", "--path", "/media", "--nothing"),
    ("instances", "protect", "home", "--tag", "Keep", "--nothing"),
    ("instances", "add", "home", "http://stash.test", "--yes-public"),
    ("instances", "add", "home", "http://stash.test", "--api-key-env", "A", "--api-key-stdin"),
    ("instances", "edit", "home", "--api-key-env", "A", "--no-api-key"),
    ("instances", "edit", "home", "--ca-file", "a.pem", "--no-ca-file"),
    ("instances", "edit", "home", "--timezone", "UTC", "--no-timezone"),
    ("instances", "edit", "home"),
    ("instances", "remove", "home", "--yes", "--keep-rows"),
]


@pytest.mark.parametrize("arguments", CONTRADICTIONS, ids=" ".join)
def test_contradictory_or_ignored_options_are_rejected(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1 and "--" in err


OUT_OF_RANGE = [
    ("instances", "add", "home", "http://stash.test", "--priority", "99999999999999"),
    ("instances", "edit", "home", "--priority", "-99999999999999"),
    ("instances", "test", "home", "--timeout", "inf"),
    ("instances", "test", "home", "--timeout", "nan"),
    ("simulate", "--port", "99999"),
    ("simulate", "--port", "-1"),
    ("up", "--port", "99999"),
    ("up", "--port", "0"),
    ("demo", "--port", "99999"),
    ("demo", "--scenes", "-5"),
    ("sync", "--wait", "inf"),
    ("sync", "--wait", "nan"),
    ("sync", "--entity", "scenes", "--id", "0"),
    ("sync", "--entity", "scenes", "--id", "99999999999999999999"),
    ("history", "scenes", "99999999999999999999"),
    ("silent-changes", "--run", "99999999999999999999"),
    ("silent-changes", "--since", "1e300"),
    ("silent-changes", "--since", "inf"),
    ("duplicates", "--limit", "0"),
    ("duplicates", "--limit", "99999999999999999999"),
    ("duplicates", "--entity", "folders"),
]


@pytest.mark.parametrize("arguments", OUT_OF_RANGE, ids=" ".join)
def test_numbers_out_of_range_are_usage_errors(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Invalid value" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing", "--json"), 2, "No such command"),
        (("instances", "edit", "--json"), 2, "Missing argument"),
        (("instances", "edit", "home", "--json"), 1, "Give at least one option to change"),
        (("sync", "--mode", "half", "--json"), 2, "half"),
        (("sync", "--json", "--wait"), 2, "--wait"),
        (("status", "--json", "--nothing"), 2, "--nothing"),
        (("history", "films", "1", "--json"), 1, "There is no entity 'films'"),
        (("rebuild", "films", "--json"), 1, "There is no layer 'films'"),
        (("simulate", "--json"), 2, "--json"),
    ],
)
def test_with_json_errors_are_json_too(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended, out, err = run(*arguments)
    assert (ended, err) == (code, "")
    assert list(json.loads(out)) == ["error"] and words in json.loads(out)["error"]


def test_arguments_after_a_double_dash_do_not_enable_json() -> None:
    assert program.wants_json(["sync", "--json", "--", "home"])
    assert not program.wants_json(["sync", "--", "--json"])


@pytest.mark.parametrize("arguments", [("--release", "v9"), ("--timezone", "Mars/Olympus"), ("--fault", "fire:0.1")])
def test_a_simulation_that_cannot_start_exits_with_1(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("simulate", "--port", "0", "--scenes", "1", *arguments)
    assert (code, out) == (1, "") and err


@pytest.mark.parametrize("module", ["graphql", "starlette", "uvicorn"])
@pytest.mark.parametrize("arguments", [("demo", "--no-ui"), ("simulate", "--port", "0")])
def test_simulator_commands_name_the_extra_they_need(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # Python's way to forbid an import
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    (sentence,) = err.splitlines()
    assert module in sentence and "pip install 'stash-pipeline[demo]'" in sentence


def test_queries_can_be_printed_without_the_simulator(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "graphql",
        "starlette",
        "uvicorn",
        "stash_pipeline.simulator.server",
        "stash_pipeline.simulator.library",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    code, out, err = run("query", "groups", "--release", "v0.20")
    assert (code, err.count("\n")) == (0, 1)
    assert "findMovies" in out and "missing in this release: " in err
    code, out, err = run("query", "groups")
    assert (code, err) == (0, "")
    assert "findGroups" in out
    code, out, err = run("query", "folders", "--release", "v0.20.2")
    assert (code, out) == (0, "")
    assert "v0.20.2 has no query for folders" in err


def test_a_file_that_is_not_a_database_cannot_be_simulated(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "film.sqlite"
    file.write_bytes(bytes(range(256)) * 40)
    code, _, err = run("simulate", "--port", "0", "--database", str(file))
    assert code == 1 and str(file) in err and len(err.splitlines()) == 1


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr("stash_pipeline.commands.query.query", fail)


def test_a_bug_exits_with_70_and_writes_its_traceback_to_a_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", "postgresql://me:hush-hush@127.0.0.1:5432/d")
    monkeypatch.setenv("MY_API_KEY", "the-key-of-a-server")
    _failing(monkeypatch, KeyError(f"hush-hush the-key-of-a-server {KEY}"))
    code, out, err = run("query", "scenes")
    assert (code, out) == (70, "") and len(err.splitlines()) == 1
    (report,) = (home / "logs").glob("error-*.log")
    assert str(report) in err
    assert report.stat().st_mode & 0o777 == 0o600 and report.parent.stat().st_mode & 0o777 == 0o700
    text = report.read_text()
    assert "Traceback" in text and "KeyError" in text
    for secret in ("hush-hush", "the-key-of-a-server", KEY):
        assert secret not in text + err
    code, out, err = run("query", "scenes", "--release", "--json")
    assert (code, err) == (70, "") and "please report it and attach the file" in json.loads(out)["error"]


def test_only_the_newest_error_reports_are_kept(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "logs").mkdir()
    for number in range(30):
        (home / "logs" / f"error-20200101-0000{number:02}-1.log").touch()
    _failing(monkeypatch, RuntimeError("a defect"))
    assert run("query", "scenes")[0] == 70
    assert len(list((home / "logs").glob("error-*.log"))) == 20


def test_a_bug_is_reported_even_if_the_home_is_read_only(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("STASH_PIPELINE_HOME", str(home / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _failing(monkeypatch, RuntimeError("a defect"))
    assert run("query", "scenes")[0] == 70
    (report,) = tmp_path.rglob("error-*.log")
    assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:secret-word@h/d",
        "http://me:secret-word@stash.test/graphql",
        "secret-word",
        "c2VjcmV0LXdvcmQ=",
    ],
)
def test_error_reports_contain_no_secrets(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", "postgresql://me:secret-word")
    shown = without_secrets(f"KeyError: {text}")
    assert "secret-word" not in shown and "c2VjcmV0LXdvc" not in shown and "***" in shown


def test_an_unknown_choice_is_one_plain_sentence(run: Run) -> None:
    code, _, err = run("sync", "--mode", "everything")
    assert code == 2 and "Invalid value for '--mode': 'everything' is not one of" in err


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("Do this."), 1, "Do this."),
        (PermissionError(13, "Permission denied", "/etc/x"), 1, "Permission denied (/etc/x)"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_with_an_external_cause_are_not_bugs(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    _failing(monkeypatch, error)
    ended, _, err = run("query", "scenes")
    assert ended == code and sentence in err and len(err.splitlines()) <= 1


@pytest.mark.parametrize("name", ["PAGESIZE", "PAGE_SIZES", "page_sise"])
def test_a_misspelt_setting_warns_and_suggests_the_nearest(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"STASH_PIPELINE_{name}", "50")
    code, _, err = run("query", "scenes")
    assert code == 0
    assert f"STASH_PIPELINE_{name} is not a setting" in err and "did you mean STASH_PIPELINE_PAGE_SIZE?" in err


def test_a_variable_that_resembles_no_setting_suggests_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASH_PIPELINE_FOO", "50")
    _, _, err = run("query", "scenes")
    assert "STASH_PIPELINE_FOO is not a setting" in err and "docs/settings.md lists the settings" in err


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("STASH_PIPLINE_HOME", True),
        ("STASHPIPELINE_HOME", True),
        ("STASH_PIPELINE_NOTHING_LIKE_IT", True),
        ("STASH_PIPELINE_ATTIC_KEY", False),
        ("stash_pipeline_page_size", False),
        ("STASH_CONFIG_FILE", False),
    ],
)
def test_only_variables_that_look_like_settings_warn(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, warned: bool
) -> None:
    monkeypatch.setenv(name, "50")
    code, _, err = run("query", "scenes")
    assert code == 0 and (name in err) == warned


def test_an_argument_with_invalid_bytes_is_rejected(run: Run) -> None:
    code, _, err = run("sync", "h\udcffme")
    assert code == 2 and "is not valid text" in err


# --- as a process ------------------------------------------------------------------------------------------


def _process(home: Path, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "STASH_PIPELINE_HOME": str(home), **options.pop("environment", {})}
    command = [sys.executable, *options.pop("script", ["-m", "stash_pipeline"]), *arguments]
    return subprocess.run(command, env=environment, timeout=120, **{"capture_output": True, **options})


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]

SHOWN = r"""
from stash_pipeline import cli
from stash_pipeline.commands import query
from stash_pipeline.commands.output import console, stderr, table

def show(entity, release):
    table("Zo\u00eb \u2192 x\u2026", ["\u043a", "n"], [["a \u2192 b \u2026 Zo\u00eb \ud800 [b]", 12345]], numbers=1)
    console.print("a \u2192 b")
    stderr.print("a \u2192 b")

query.query = show
from stash_pipeline.__main__ import main
main()
"""


@pytest.mark.processes
@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda e: "-".join(f"{k}={v}" for k, v in e.items()))
def test_a_terminal_without_unicode_gets_ascii_output(home: Path, environment: dict[str, str]) -> None:
    done = _process(home, "query", "scenes", script=["-c", SHOWN], environment=environment)
    assert done.returncode == 0, done.stderr
    assert b"12,345" in done.stdout and b"a -> b" in done.stdout and b"\\ud800 [b]" in done.stdout
    assert b"a -> b" in done.stderr


@pytest.mark.processes
@pytest.mark.parametrize("environment", ENCODINGS[::3], ids=lambda e: "-".join(f"{k}={v}" for k, v in e.items()))
def test_the_help_works_in_any_terminal(home: Path, environment: dict[str, str]) -> None:
    for arguments in (["--help"], ["sync", "--help"], ["simulate", "--help"]):
        done = _process(home, *arguments, environment=environment)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr


@pytest.mark.processes
def test_a_full_disk_for_the_output_is_reported(home: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = _process(home, "query", "scenes", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(b"stash-pipeline: ") and b"No space left on device" in line


@pytest.mark.processes
def test_a_closed_pipe_causes_no_traceback(home: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = _process(home, "query", "scenes", capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
    finally:
        os.close(theirs)
    assert done.stderr == b""


def test_every_command_with_results_supports_json() -> None:
    """The exceptions: commands that serve or start something, and those whose output is for another program."""
    import typer

    found = set()

    def visit(prefix: str, command: Any) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            visit(f"{prefix} {name}".strip(), inner)
        if not hasattr(command, "commands") and not any("--json" in p.opts for p in command.params):
            found.add(prefix)

    visit("", typer.main.get_command(app))
    serve = {"up", "demo", "live", "serve code", "serve web", "serve daemon", "simulate", "simulate-box"}
    start = {"db start", "db stop", "db upgrade", "service install", "service uninstall"}
    print_text = {"query", "psql", "db url", "metrics", "plugin install"}
    assert found == serve | start | print_text


@pytest.mark.parametrize("finalizer", ["gc", "weakref"])
def test_ctrl_c_inside_a_finalizer_ends_the_program(finalizer: str, tmp_path: Path) -> None:
    """Python drops what a finalizer raises."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED_IN_A_FINALIZER)
    done = subprocess.run([sys.executable, script, finalizer], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (program.INTERRUPTED, "", "")


INTERRUPTED_IN_A_FINALIZER = """
import os, signal, sys, time, weakref
from stash_pipeline import __main__ as program


class Garbage:
    def __del__(self):
        if sys.argv[1] == "gc":
            os.kill(os.getpid(), signal.SIGINT)


def command():
    garbage = Garbage()
    watch = weakref.ref(garbage, lambda _: os.kill(os.getpid(), signal.SIGINT)) if sys.argv[1] == "weakref" else None
    del garbage
    time.sleep(50)
    print("the command was not interrupted")
    return 0


program._command = command
program.main()
"""
