"""Writes docs/troubleshooting.md: every error sentence of the package, by topic.

Run as ``python -m stash_pipeline.error_documentation docs``. The sentences are read from the source, so that none is
missing: those that the classes of errors get as a literal text, with a name in italics for each value.
"""

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent
PAGE: Final = "troubleshooting.md"
_SHORTEST: Final = 20
_BASES: Final = frozenset({"UserError", "StashError"})


@dataclass(frozen=True)
class Topic:
    """A section: the modules whose errors it has (a prefix of the path), and what to do about most of them."""

    title: str
    modules: tuple[str, ...]
    remedy: str


TOPICS: Final = (
    Topic(
        "Reaching a Stash server",
        ("stash/", "instance_access", "commands/access_options"),
        "`stash-pipeline instances test NAME` repeats the connection step by step, and writes nothing. A server that is"
        " down is asked again by itself, after 10 s at first and 10 min at last.",
    ),
    Topic(
        "Syncing",
        ("sync/", "warehouse/raw", "warehouse/entities", "assets/", "commands/sync", "commands/lanes"),
        "What is committed stays, and the next sync continues from there. `stash-pipeline sync NAME --dry-run` shows"
        " what a sync would change.",
    ),
    Topic(
        "Registering servers",
        ("instances", "commands/instances", "partitions"),
        "`stash-pipeline instances list --all` shows what is registered.",
    ),
    Topic(
        "Stash-boxes",
        ("stashbox", "commands/box", "warehouse/stashbox"),
        "`stash-pipeline boxes test NAME` says what prevents reading a box.",
    ),
    Topic(
        "Matches, duplicates, catalog",
        ("matching/", "commands/match", "commands/duplicates", "commands/decision", "commands/protect",
         "warehouse/matches", "warehouse/catalog"),
        "`stash-pipeline matches show INSTANCE:ID` says what an object is matched with, and why.",
    ),
    Topic(
        "Search",
        ("search/", "commands/search", "warehouse/search"),
        "The index can always be made again from the database.",
    ),
    Topic(
        "The database",
        ("warehouse/", "settings", "secrets", "private_directories"),
        "`stash-pipeline db upgrade` connects, checks the encoding and the session, and migrates. The log of the"
        " private Postgres is in the home.",
    ),
    Topic(
        "Dagster and its processes",
        ("runtime/", "automation/", "definitions", "layers", "commands/maintain", "commands/up"),
        "The logs of all processes are under `logs` in the home.",
    ),
    Topic("Commands", ("",), "`--help` of the command lists its options."),
)  # fmt: skip


@cache
def error_sentences(package: Path = PACKAGE) -> dict[str, set[str]]:
    """The sentences of all errors that a user can cause, by module."""
    trees = {
        path.relative_to(package).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(package.rglob("*.py"))
        if "simulator" not in path.parts
    }
    classes = _error_classes(trees.values())
    by_module: dict[str, set[str]] = {}
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes):
                continue
            texts = [text for argument in node.args for text in _texts(argument)]
            by_module.setdefault(module, set()).update(text for text in texts if len(text) >= _SHORTEST)
    return {module: sentences for module, sentences in by_module.items() if sentences}


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    names = set(_BASES)
    definitions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while True:
        subclasses = {
            definition.name
            for definition in definitions
            if any(isinstance(base, ast.Name) and base.id in names for base in definition.bases)
        }
        if subclasses <= names:
            return names
        names |= subclasses


def _texts(node: ast.AST) -> list[str]:
    """The text of a literal, with its values by name; both texts of a conditional expression."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.Constant):
        return [_escaped(node.value)] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(value) for value in node.values).strip()]
    return []


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return f"*{_value_name(node.value)}*"
    return _escaped(str(node.value)) if isinstance(node, ast.Constant) else ""


def _value_name(node: ast.expr) -> str:
    """A value in the words of the source: its variable or its attribute."""
    if isinstance(node, ast.Name):
        name = node.id
    elif isinstance(node, ast.Attribute):
        name = node.attr
    elif isinstance(node, ast.Call):
        return _value_name(node.args[0] if node.args else node.func)
    else:
        return "…"
    return name.strip("_").replace("_", " ").lower()


def _escaped(text: str) -> str:
    return re.sub(r"([|*<>\[\]])", r"\\\1", re.sub(r"\s+", " ", text))


def troubleshooting_page() -> str:
    """The page as Markdown."""
    left = dict(error_sentences())
    lines = [
        "# Troubleshooting",
        "",
        "<!-- written by python -m stash_pipeline.error_documentation docs -->",
        "",
        "Every error is one sentence that says what is wrong and what to do. The lists below have all of them; search",
        "the page for words of yours. Words in italics stand for a value.",
        "",
        "| exit code | |",
        "|---|---|",
        "| 1 | a failure; the sentence is on standard error |",
        "| 2 | an invalid command line |",
        "| 70 | a bug: the message names a file with the traceback, without keys and passwords; please report it |",
        "| 130 | interrupted; committed changes stay |",
        "",
    ]
    for topic in TOPICS:
        modules = [module for module in left if module.startswith(topic.modules)]
        sentences = sorted({sentence for module in modules for sentence in left.pop(module)}, key=str.casefold)
        lines += [f"## {topic.title}", "", topic.remedy, "", *(f"* {sentence}" for sentence in sentences), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(troubleshooting_page(), "utf-8")
