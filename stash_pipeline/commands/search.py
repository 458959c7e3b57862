"""``stash-pipeline search``: names and options; ``search_query.py`` carries the search out.

The search itself has no name: what follows ``search`` is the query, unless it is the name of a command. Behind ``--``
or the name ``query``, everything is the query.
"""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from stash_pipeline.commands.options import refuse_together

DEFAULT: Final = "query"


class QueryByDefault(TyperGroup):
    """A group that takes its first argument for a query unless it is the name of one of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the name of the default command before its arguments."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=QueryByDefault, no_args_is_help=True)


@app.callback()
def search() -> None:
    """Search the catalog of all servers: `stash-pipeline search 'QUERY'`.

    What follows is the query, unless it is the name of a command.

    `stash-pipeline search query --help` lists the options, docs/search.md describes the query language.
    """


# words that begin with a minus are part of the query; there are no options of one letter
@app.command(DEFAULT, context_settings={"ignore_unknown_options": True})
def query(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="For example 'beach -rain performer:anna date:2019..2021 sort:-date'. In quotation marks of the "
            "shell, or each part by itself.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Hits to print.")] = 20,
    after: Annotated[
        str | None, typer.Option(metavar="PAGE", help="The following page: what --json and the last line call next.")
    ] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Count the values of a facet, for example studio or kind; repeatable."),
    ] = None,
    csv_file: Annotated[
        str | None, typer.Option("--csv", metavar="FILE|-", help="Write CSV, one row per hit; - is standard output.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search the catalog of all servers. The name of this command can be left out."""
    from stash_pipeline.commands.search_query import search_query

    refuse_together({"--csv": csv_file is not None, "--json": as_json})
    search_query(words, limit=limit, after=after, facets=facet or [], csv_file=csv_file, as_json=as_json)


@app.command()
def verify(
    sample: Annotated[
        int, typer.Option(min=0, max=1_000_000, metavar="N", help="Compare N documents of each side.")
    ] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the index with the documents of the database: counts, and a sample field by field."""
    from stash_pipeline.commands.search_verify import search_verify

    raise typer.Exit(search_verify(sample, as_json))
