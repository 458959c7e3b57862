"""``stash-pipeline matches …``: names and options; ``matches_read.py`` and ``matches_decide.py`` carry them out."""

from pathlib import Path
from typing import Annotated, Final

import typer

from stash_pipeline.commands.options import LARGEST_ID, MatchedEntity, each_once, refuse_together

app = typer.Typer(no_args_is_help=True, help="What is the same thing on several servers, and what people decide.")


_ENTITY: Final = "ENTITY is scenes if it is left out."
Object = Annotated[
    list[str], typer.Argument(metavar="[ENTITY] OBJECT", help=f"INSTANCE:ID, for example performers home:17. {_ENTITY}")
]
Objects = Annotated[
    list[str], typer.Argument(metavar="[ENTITY] OBJECT...", help=f"Of one cluster, each as INSTANCE:ID. {_ENTITY}")
]
Pair = Annotated[
    list[str],
    typer.Argument(
        metavar="[ENTITY] OBJECT OTHER...",
        help=f"Each as INSTANCE:ID; a scene of a stash-box as BOX:UUID, or as the address of its web page. {_ENTITY}",
    ),
]
Note = Annotated[str | None, typer.Option(help="Why, for whoever reads the decision later.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would be decided.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def matches() -> None:
    """What is the same thing on several servers, and what people decide."""


@app.command("list")
def list_(
    entity: Annotated[list[MatchedEntity] | None, typer.Option(help="Only this entity; repeatable.")] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only scenes of this stash-box; repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_ID, metavar="N", help="Default: 20; with --csv or --json all.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them as CSV with an empty column decision, for `matches import`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List pairs that may be the same thing, and scenes of stash-boxes, ordered by what a decision is worth."""
    from stash_pipeline.commands.matches_read import list_open

    refuse_together({"--csv": csv is not None, "--json": as_json})
    list_open(_names(entity), each_once(box or []), limit, csv, as_json)


@app.command()
def show(words: Object, as_json: Json = False) -> None:
    """Show what an object is matched with, and why."""
    from stash_pipeline.commands.matches_read import show as run

    entity, names = _divided(words, 1, 1)
    run(entity, names[0], as_json)


@app.command()
def accept(
    words: Pair,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that objects, or a scene and one of a stash-box, are the same thing."""
    from stash_pipeline.commands.matches_decide import decide_pairs

    entity, names = _divided(words, 2)
    raise typer.Exit(decide_pairs(entity, "same", names, note, dry_run, as_json))


@app.command()
def reject(
    words: Pair,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that an object and others are different things; they are never proposed again."""
    from stash_pipeline.commands.matches_decide import decide_pairs

    entity, names = _divided(words, 2)
    raise typer.Exit(decide_pairs(entity, "different", names, note, dry_run, as_json))


@app.command()
def split(
    words: Objects,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Separate objects from the rest of their cluster: decide that they are different from each of the others."""
    from stash_pipeline.commands.matches_decide import split as run

    entity, names = _divided(words, 1)
    raise typer.Exit(run(entity, names, note, dry_run, as_json))


@app.command()
def primary(
    words: Object,
    field: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Only this field of the catalog; repeatable.")
    ] = None,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that the values of an object are those of its cluster in the catalog."""
    from stash_pipeline.commands.matches_decide import decide_primary

    entity, names = _divided(words, 1, 1)
    raise typer.Exit(decide_primary(entity, names[0], field or [], note, dry_run, as_json))


@app.command()
def decisions(
    entity: Annotated[list[MatchedEntity] | None, typer.Option(help="Only of this entity; repeatable.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them as CSV, for `matches import`.")] = None,
    as_json: Json = False,
) -> None:
    """List the decisions in force."""
    from stash_pipeline.commands.matches_read import list_decided

    refuse_together({"--csv": csv is not None, "--json": as_json})
    list_decided(_names(entity), csv, as_json)


@app.command()
def withdraw(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER", min=1, max=LARGEST_ID, help="Of decisions.")],
    as_json: Json = False,
) -> None:
    """Withdraw decisions; the rules decide again."""
    from stash_pipeline.commands.matches_decide import withdraw as run

    raise typer.Exit(run(numbers, as_json))


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with the columns entity, left, right, decision.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write the decisions of a CSV file, all or none. A row without a decision is skipped."""
    from stash_pipeline.commands.matches_decide import import_csv

    raise typer.Exit(import_csv(path, dry_run, as_json))


def _divided(words: list[str], fewest: int, most: int | None = None) -> tuple[str, list[str]]:
    """The entity and the objects; what names an object has a colon."""
    entity, names = ("scenes", words) if ":" in words[0] else (words[0].lower(), words[1:])
    if entity not in MatchedEntity.__members__:
        raise typer.BadParameter(
            f"{words[0]!r} is neither an object, such as home:17, nor one of {', '.join(MatchedEntity.__members__)}."
        )
    if len(names) < fewest or (most is not None and len(names) > most):
        expected = "one object" if most == 1 else f"at least {'two objects' if fewest == 2 else 'one object'}"
        raise typer.BadParameter(f"name {expected}, for example home:17.")
    return entity, names


def _names(entities: list[MatchedEntity] | None) -> list[str]:
    return list(dict.fromkeys(entity.value for entity in entities or MatchedEntity))
