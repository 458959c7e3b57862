"""What to try in the demo: five questions, each with SQL that answers it."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stash_pipeline.commands.output import console
from stash_pipeline.settings import DATABASE_URL_VARIABLE, FILE_SUFFIX


@dataclass(frozen=True)
class Example:
    """A question and the query that answers it."""

    question: str
    sql: str


EXAMPLES: Final = (
    Example(
        "Which scenes changed last, and on which server?",
        """
SELECT o.revision, i.name AS server, s.id, s.title
FROM ops.object_log AS o
JOIN ops.instances AS i ON i.id = o.instance_id
JOIN stash.scenes AS s ON s.instance_id = o.instance_id AND s.id = o.id
WHERE o.entity = 'scenes'
ORDER BY o.revision DESC LIMIT 10;""",
    ),
    Example(
        "Which scenes are on both servers, and where are their files?",
        """
SELECT s.title, string_agg(i.name || ':' || f.path, '  ' ORDER BY i.name) AS files
FROM catalog.scenes AS s
JOIN catalog.scene_files AS x ON x.scene_id = s.id
JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
JOIN ops.instances AS i ON i.id = x.instance_id
WHERE s.instances > 1
GROUP BY s.id, s.title ORDER BY s.title LIMIT 10;""",
    ),
    Example(
        "What do the servers not agree on?",
        """
SELECT c.entity, c.field, jsonb_object_agg(i.name, c.value) AS "values"
FROM catalog.conflicts AS c
JOIN ops.instances AS i ON i.id = c.instance_id
GROUP BY c.entity, c.id, c.field ORDER BY 1, 2 LIMIT 10;""",
    ),
    Example(
        "Which files could go, because a better copy is on the same server?",
        """
SELECT i.name AS server, f.path, pg_size_pretty(d.bytes) AS freed, array_to_string(d.reasons, ', ') AS because
FROM matches.duplicates AS d
JOIN ops.instances AS i ON i.id = d.instance_id
JOIN stash.files AS f ON f.instance_id = d.instance_id AND f.id = d.file_id
WHERE d.entity = 'files' AND d.bytes > 0
ORDER BY d.bytes DESC LIMIT 10;""",
    ),
    Example(
        "Which performers are watched most, on all servers together?",
        """
SELECT p.name, sum(s.play_count) AS plays, count(*) AS scenes
FROM catalog.performers AS p
JOIN catalog.scene_performers AS x ON x.performer_id = p.id
JOIN catalog.scenes AS s ON s.id = x.scene_id
GROUP BY p.id, p.name HAVING sum(s.play_count) > 0
ORDER BY plays DESC, p.name LIMIT 10;""",
    ),
)

HISTORY: Final = Example(
    "What was changed last, and what did it say before?",
    """
SELECT recorded_at::timestamp(0), instance, entity, id, field, old, new
FROM recent_changes
WHERE change = 'changed' AND field <> 'updated_at'
ORDER BY recorded_at DESC LIMIT 10;""",
)
"""Answered only after something has changed."""


def print_examples(home: Path, *, changing: bool) -> None:
    """Prints what to try; with servers that go on changing, the history takes the place of the last example."""
    examples = (*EXAMPLES[:-1], HISTORY) if changing else EXAMPLES
    _print("\nFive things to try. In another terminal:\n")
    for line in (*preparation(home), "stash-pipeline psql"):
        _print(f"    {line}")
    for number, example in enumerate(examples, 1):
        _print(f"\n{number}. {example.question}\n{example.sql.strip()}")
    _print("")


def preparation(home: Path) -> list[str]:
    """The lines that let a new terminal use this home by the commands of this installation."""
    lines = []
    activate = Path(sys.prefix) / "bin" / "activate"
    if activate.exists():
        lines.append(f". {shlex.quote(str(activate))}")
    configured = [name for name in (DATABASE_URL_VARIABLE, DATABASE_URL_VARIABLE + FILE_SUFFIX) if os.environ.get(name)]
    if configured:
        lines.append(f"unset {' '.join(configured)}")
    return [*lines, f"export STASH_PIPELINE_HOME={shlex.quote(str(home.absolute()))}"]


def _print(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
