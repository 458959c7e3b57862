"""``stash-pipeline matches …``: names and options; ``matches_read.py`` and ``matches_decide.py`` carry them out."""

from pathlib import Path
from typing import Annotated

import typer

from stash_pipeline.commands.options import LARGEST_ID, MatchedEntity, refuse_together

app = typer.Typer(no_args_is_help=True, help="What is the same thing on several servers, and what people decide.")


EntityArgument = Annotated[MatchedEntity, typer.Argument(metavar="ENTITY", help="For example performers.")]
ObjectArgument = Annotated[str, typer.Argument(metavar="OBJECT", help="INSTANCE:ID, for example home:17.")]
Others = Annotated[list[str], typer.Argument(metavar="OBJECT...", help="Other objects, each as INSTANCE:ID.")]
Note = Annotated[str | None, typer.Option(help="Why, for whoever reads the decision later.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would be decided.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def matches() -> None:
    """What is the same thing on several servers, and what people decide."""


@app.command("list")
def list_(
    entity: Annotated[list[MatchedEntity] | None, typer.Option(help="Only this entity; repeatable.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_ID, metavar="N", help="Default: 20; with --csv or --json all.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them as CSV with an empty column decision, for `matches import`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List pairs that may be the same thing, ordered by what a decision is worth."""
    from stash_pipeline.commands.matches_read import list_open

    refuse_together({"--csv": csv is not None, "--json": as_json})
    list_open(_names(entity), limit, csv, as_json)


@app.command()
def show(entity: EntityArgument, name: ObjectArgument, as_json: Json = False) -> None:
    """Show what an object is matched with, and why."""
    from stash_pipeline.commands.matches_read import show as run

    run(entity.value, name, as_json)


@app.command()
def accept(
    entity: EntityArgument,
    first: ObjectArgument,
    others: Others,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that objects are the same thing."""
    from stash_pipeline.commands.matches_decide import decide_pairs

    raise typer.Exit(decide_pairs(entity.value, "same", [first, *others], note, dry_run, as_json))


@app.command()
def reject(
    entity: EntityArgument,
    first: ObjectArgument,
    others: Others,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that an object and others are different things; they are never proposed again."""
    from stash_pipeline.commands.matches_decide import decide_pairs

    raise typer.Exit(decide_pairs(entity.value, "different", [first, *others], note, dry_run, as_json))


@app.command()
def split(
    entity: EntityArgument,
    names: Annotated[list[str], typer.Argument(metavar="OBJECT...", help="INSTANCE:ID, of one cluster.")],
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Separate objects from the rest of their cluster: decide that they are different from each of the others."""
    from stash_pipeline.commands.matches_decide import split as run

    raise typer.Exit(run(entity.value, names, note, dry_run, as_json))


@app.command()
def primary(
    entity: EntityArgument,
    name: ObjectArgument,
    field: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Only this field of the catalog; repeatable.")
    ] = None,
    note: Note = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide that the values of an object are those of its cluster in the catalog."""
    from stash_pipeline.commands.matches_decide import decide_primary

    raise typer.Exit(decide_primary(entity.value, name, field or [], note, dry_run, as_json))


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
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", min=1, max=LARGEST_ID, help="Of decisions.")],
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


def _names(entities: list[MatchedEntity] | None) -> list[str]:
    return list(dict.fromkeys(entity.value for entity in entities or MatchedEntity))
