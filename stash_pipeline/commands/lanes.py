"""``stash-pipeline lanes …``: the two ways in which a library is read, compared with each other."""

from typing import Annotated

import typer

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="The two ways of reading a library: its answers, and its database.")


@app.callback()
def lanes() -> None:
    """The two ways of reading a library: its answers, and its database."""


@app.command()
def compare(
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="A registered server.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a server both ways and print every difference; writes nothing. Exit code 1 if there is one.

    What is edited meanwhile differs too: compare again before you think of a defect.
    """
    from stash_pipeline.instances import get_instance
    from stash_pipeline.sync.compare_lanes import compare_lanes
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings:
        with connect(settings.database() or "") as connection:
            instance = get_instance(connection, name)
            name = instance.name
        found = compare_lanes(settings, instance)
    if as_json:
        print_json(
            {
                "instance": name,
                "documents": found.documents,
                "differences": found.lines,
                "not_in_copy": found.not_in_copy,
            }
        )
    else:
        if found.not_in_copy:
            lacking = ", ".join(found.not_in_copy)
            console.print(f"Not compared, because the copy lacks them: {lacking}.", markup=False, soft_wrap=True)
        for line in found.lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        total = sum(found.documents.values())
        outcome = f"{len(found.lines):,} differences" if found.lines else "no difference"
        console.print(f"{name}: {total:,} documents read both ways, {outcome}.", highlight=False)
    if found.lines:
        raise typer.Exit(1)
