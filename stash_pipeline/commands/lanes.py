"""``stash-pipeline lanes …``: compares the two lanes, which read a library by GraphQL or from a snapshot."""

from typing import Annotated

import typer

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="The two lanes that read a library: GraphQL and snapshot.")


@app.callback()
def lanes() -> None:
    """The two lanes that read a library: GraphQL and snapshot."""


@app.command()
def compare(
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="A registered server.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a server through both lanes and print every difference. Writes nothing; exit code 1 if anything differs.

    Objects edited meanwhile differ too: compare again before you suspect a bug.
    """
    from stash_pipeline.instances import get_instance
    from stash_pipeline.sync.compare_lanes import compare_lanes
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings:
        with connect(settings.database() or "") as connection:
            instance = get_instance(connection, name)
            name = instance.name
        comparison = compare_lanes(settings, instance)
    if as_json:
        print_json(
            {
                "instance": name,
                "documents": comparison.documents,
                "differences": comparison.lines,
                "not_in_snapshot": comparison.not_in_snapshot,
            }
        )
    else:
        if comparison.not_in_snapshot:
            missing = ", ".join(comparison.not_in_snapshot)
            console.print(f"Not compared, because the snapshot lacks them: {missing}.", markup=False, soft_wrap=True)
        for line in comparison.lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        total = sum(comparison.documents.values())
        outcome = f"{len(comparison.lines):,} differences" if comparison.lines else "no difference"
        console.print(f"{name}: {total:,} documents read through both lanes, {outcome}.", highlight=False)
    if comparison.lines:
        raise typer.Exit(1)
