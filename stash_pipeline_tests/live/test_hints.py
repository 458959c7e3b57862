"""Hints are understood, collected for a moment, and bounded."""

import json
from pathlib import Path

import pytest

from stash_pipeline.live.hints import LONGEST_DEBOUNCE_SECONDS, MOST_IDS, Batch, Hint, Inbox, hint_of_trigger
from stash_pipeline.live.subscriptions import hints_of

RECORDED = json.loads((Path(__file__).parents[1] / "recordings/v0.30.1/hooks.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("trigger", "identifier", "expected"),
    [
        ("Scene.Update.Post", 7, Hint("log", "scenes", 7, "Update")),
        ("Movie.Create.Post", 7, Hint("log", "groups", 7, "Create")),
        ("Tag.Merge.Post", 7, Hint("log", "tags", 7, "Merge")),
        # of a later release
        ("Playlist.Update.Post", 7, Hint("log")),
        ("Scene.Rated.Post", 7, Hint("log")),
        # without a usable id
        ("Scene.Update.Post", None, Hint("log")),
        ("Scene.Update.Post", True, Hint("log")),
        ("Scene.Update.Post", -1, Hint("log")),
        ("Scene.Update.Post", 1 << 40, Hint("log")),
        ("Scene.Update.Post", "7", Hint("log")),
        # no hook
        ("Scene.Update", 7, None),
        ("Scene.Update.Post\n", 7, None),
        ("", 7, None),
    ],
)
def test_the_name_of_a_hook_says_what_changed(trigger: str, identifier: object, expected: Hint | None) -> None:
    assert hint_of_trigger("log", trigger, identifier) == expected


def test_recorded_lines_of_the_log_are_hints_only_if_they_are_from_the_plugin() -> None:
    assert hints_of("log", {"loggingSubscribe": list(RECORDED.values())}) == [
        Hint("log", "scenes", 1, "Update"),
        Hint("log", "tags", 1, "Merge"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        "metadataScan: /media/[Plugin / stash-pipeline] stash-pipeline-hint Scene.Update.Post 1",
        "[Plugin / stash-pipeline] stash-pipeline-hint Scene.Update.Post 1 and more",
        None,
        7,
    ],
)
def test_other_lines_of_the_log_are_no_hints(message: object) -> None:
    assert hints_of("log", {"loggingSubscribe": [{"message": message}]}) == []


def test_the_end_of_a_job_and_of_a_scan_are_hints() -> None:
    def job(kind: str) -> dict[str, object]:
        return {"jobsSubscribe": {"type": kind, "job": {"status": "FINISHED"}}}

    assert hints_of("jobs", job("REMOVE")) == [Hint("jobs")]
    assert hints_of("jobs", job("ADD")) == hints_of("jobs", job("UPDATE")) == []
    assert hints_of("scan", {"scanCompleteSubscribe": True}) == [Hint("scan")]
    assert hints_of("scan", None) == hints_of("log", {"loggingSubscribe": None}) == []


class Clock:
    """A clock that tests advance."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_hints_that_arrive_together_are_one_batch() -> None:
    clock = Clock()
    inbox = Inbox(clock)
    for identifier in (3, 4, 3):
        inbox.add("a", Hint("log", "scenes", identifier, "Update"))
    assert inbox.take(0) is None
    clock.now += 0.31
    taken = inbox.take(0)
    assert taken is not None
    uuid, batch = taken
    assert (uuid, batch.ids, batch.vague, batch.count) == ("a", {"scenes": {3, 4}}, False, 3)
    assert inbox.take(0) is None


def test_a_stream_of_hints_does_not_delay_a_batch_for_ever() -> None:
    clock = Clock()
    inbox = Inbox(clock)
    waited = 0.0
    while True:
        inbox.add("a", Hint("log", "scenes", 1, "Update"))
        if inbox.take(0):
            break
        clock.now += 0.2
        waited += 0.2
    assert waited <= LONGEST_DEBOUNCE_SECONDS + 0.2


def test_a_flood_of_hints_is_counted_and_not_kept() -> None:
    batch = Batch(0, 0)
    for identifier in range(1, 100_000):
        batch.add(Hint("log", "scenes", identifier, "Update"), 0)
    assert sum(map(len, batch.ids.values())) == MOST_IDS
    assert batch.vague and batch.count == 99_999


def test_a_removed_or_merged_object_is_not_asked_for_by_id() -> None:
    batch = Batch(0, 0)
    batch.add(Hint("log", "scenes", 1, "Destroy"), 0)
    batch.add(Hint("log", "tags", 1, "Merge"), 0)
    assert batch.ids == {} and batch.vague


def test_hints_that_arrive_while_a_batch_waits_join_it() -> None:
    clock = Clock()
    inbox = Inbox(clock)
    inbox.add("a", Hint("log", "scenes", 1, "Update"))
    clock.now += 1
    taken = inbox.take(0)
    assert taken is not None
    inbox.add("a", Hint("webhook", "tags", 2, "Update"))
    inbox.postpone("a", taken[1], 5)
    clock.now += 4.9
    assert inbox.take(0) is None
    clock.now += 0.2
    again = inbox.take(0)
    assert again is not None
    assert again[1].ids == {"scenes": {1}, "tags": {2}} and again[1].via == {"log", "webhook"}


def test_hints_of_removed_instances_are_dropped() -> None:
    clock = Clock()
    inbox = Inbox(clock)
    inbox.add("a", Hint("scan"))
    inbox.forget({"b"})
    clock.now += 1
    assert inbox.take(0) is None
