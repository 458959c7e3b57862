"""The texts of notifications: the first line is the title. A file per kind in a folder of yours replaces them."""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.notifications import causes
from stash_pipeline.notifications.causes import Cause

RESOLVED: Final = "resolved"
TEST: Final = "test"

DEFAULTS: Final[Mapping[str, str]] = {
    causes.IMPORTED: "$subject: imported $count scenes\nA sync of $subject added $count scenes.",
    causes.FAILURE: "$subject: sync failed\nThe last sync of $subject (mode $mode) failed: $error",
    causes.GUARD: "$subject: a sync was stopped, nothing was removed\n$error",
    causes.STALE: "$subject: not synced for $hours hours\nThe last successful sync of $subject: $last. `stash-pipeline "
    "status` says more.",
    causes.UNREACHABLE: "$subject: the server does not respond\n$error",
    causes.LAYER: "$subject: does not follow the changes\n$error",
    RESOLVED: "Resolved: $title\n",
    TEST: "stash-pipeline: test\nNotifications of stash-pipeline arrive here.",
}
"""By kind. Values are inserted for ``$name``; unknown names stay as they are."""


def text_of(kind: str, values: Mapping[str, str], folder: Path | None) -> tuple[str, str]:
    """Title and body.

    Raises:
        UserError: if a file cannot be read.
    """
    title, _, body = Template(_template(kind, folder)).safe_substitute(values).strip().partition("\n")
    return title.strip(), body.strip() or title.strip()


def text_of_cause(cause: Cause, folder: Path | None) -> tuple[str, str]:
    """Title and body for a cause."""
    return text_of(cause.kind, {"kind": cause.kind, "subject": cause.subject, **cause.values}, folder)


def _template(kind: str, folder: Path | None) -> str:
    if folder is not None:
        file = folder / f"{kind}.txt"
        try:
            text = file.read_text("utf-8").strip()
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError):
            raise UserError(f"The template {file} cannot be read as UTF-8 text; correct or remove it.") from None
        if text:
            return text
    return DEFAULTS[kind]
