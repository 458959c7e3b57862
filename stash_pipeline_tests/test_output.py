"""Tables for people, in terminals of any width; progress that stays within what there is."""

import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from stash_pipeline.commands import output, sync
from stash_pipeline.commands.sync import Bars

COLUMNS = ["name", "url", "scenes"]
ROWS: list[list[Any]] = [["home [red]", "http://stash.test:9999/" + "x" * 40, 12345], ["attic", None, 3]]


def shown(monkeypatch: pytest.MonkeyPatch, *, width: int | None, terminal: bool) -> str:
    """What a terminal of a width, or a pipe, gets."""
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=width, color_system=None)
    monkeypatch.setattr(output, "console", console)
    monkeypatch.setattr("sys.stdout", stream)
    output.table("Servers [all]", COLUMNS, ROWS, numbers=1)
    return stream.getvalue()


def test_a_wide_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, width=120, terminal=True).splitlines()
    assert lines[0].strip() == "Servers [all]"
    assert [cell.strip() for cell in lines[-3].strip("│").split("│")] == [ROWS[0][0], ROWS[0][1], "12,345"]


@pytest.mark.parametrize("width", [10, 40, 60])
def test_a_narrow_terminal_gets_a_paragraph_per_row(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    assert shown(monkeypatch, width=width, terminal=True).splitlines() == [
        "Servers [all]",
        "home [red]",
        f"  url: {ROWS[0][1]}",
        "  scenes: 12,345",
        "attic",
        "  url: –",
        "  scenes: 3",
    ]


def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, width=40, terminal=False)
    (line,) = [line for line in text.splitlines() if "home" in line]
    assert str(ROWS[0][1]) in line and "12,345" in line


def test_times_are_local_and_truths_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=stream, force_terminal=True, width=80, color_system=None))
    at = datetime(2026, 5, 10, 4, 0, tzinfo=timezone(timedelta(hours=2)))
    output.table(None, ["enabled", "removed", "since", "until"], [[True, False, at, None]])
    cells = [cell.strip() for cell in stream.getvalue().splitlines()[-2].strip("│").split("│")]
    assert cells == ["yes", "no", at.astimezone().strftime("%Y-%m-%d %H:%M:%S"), "–"]


def test_a_command_to_copy_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=stream, width=40, color_system=None))
    output.print_no_instance()
    assert "stash-pipeline instances add home http://localhost:9999\n" in stream.getvalue()


def bars() -> tuple[Bars, Progress]:
    progress = Progress(console=Console(file=io.StringIO()))
    return Bars(progress), progress


def counts(progress: Progress) -> list[tuple[float, float | None]]:
    return [(task.completed, task.total) for task in progress.tasks]


def test_objects_read_twice_do_not_push_a_progress_bar_beyond_its_end() -> None:
    listener, progress = bars()
    listener.expected("home", "scenes", 2000)
    listener.fetched("home", "scenes", 2000)
    listener.complete("home", "scenes")
    # those of the listing that differ are read again
    listener.fetched("home", "scenes", 6)
    assert counts(progress) == [(2000, 2000)]
    listener.expected("home", "scenes", 1999)
    assert counts(progress) == [(2000, 2000)]


def test_a_second_sync_restarts_its_progress_bars() -> None:
    listener, progress = bars()
    for instance in ("home", "attic"):
        listener.expected(instance, "tags", 10)
        listener.fetched(instance, "tags", 10)
    listener.started("home")
    listener.expected("home", "tags", 10)
    listener.fetched("home", "tags", 4)
    assert sorted(counts(progress)) == [(4, 10), (10, 10)]


def test_a_progress_bar_of_unknown_length_ends_with_the_sync() -> None:
    listener, progress = bars()
    listener.fetched("home", "files", 7)
    listener.fetched("home", "files", 5)
    assert counts(progress) == [(12, None)]
    listener.complete("home", "files")
    assert counts(progress) == [(12, 12)]


def test_the_progress_bar_of_an_incomplete_entity_ends_at_its_count() -> None:
    listener, progress = bars()
    listener.expected("home", "images", 10)
    listener.fetched("home", "images", 8)
    listener.complete("home", "images")
    assert counts(progress) == [(8, 8)]


def test_brackets_in_an_error_are_printed_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sync, "stderr", Console(file=stream, width=40))
    outcome = {"instance": "home", "success": False, "error": "Stash said [/red] [bold]" + "x" * 60,
               "entities": {}, "seconds": None, "release": "[/v1]"}  # fmt: skip
    sync.print_outcome(outcome)
    assert stream.getvalue() == f"home: {outcome['error']}\n"


def test_a_release_can_have_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    sync.print_outcome({"instance": "home", "success": True, "error": None, "entities": {}, "seconds": None,
                        "release": "[/v1]"})  # fmt: skip
    assert capsys.readouterr().out == "home ([/v1]): nothing changed.\n"
