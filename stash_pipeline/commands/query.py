"""``stash-pipeline query``: the document that reads a kind, for people."""

from stash_pipeline.commands.output import stderr
from stash_pipeline.errors import UserError


def query(entity: str, release: str | None) -> None:
    """Prints it for a release; what that release lacks goes to standard error."""
    from stash_pipeline.simulator.library import Library
    from stash_pipeline.simulator.server import SimulatedStash, known_releases
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.stash.planning import plan_library
    from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema

    if entity not in BY_NAME:
        raise UserError(f"There is no entity {entity!r}; there are {', '.join(BY_NAME)}.")
    try:
        server = SimulatedStash(Library.create(), release=release or known_releases()[-1])
    except ValueError as error:
        raise UserError(str(error)) from None
    plan = plan_library(ServerSchema(server.execute(INTROSPECTION, None)["data"]))[entity]
    if plan.query:
        print(plan.page_document(), end="")
    else:
        owners = ", ".join(plan.entity.embedded_in)
        stderr.print(f"{release} has no query for {entity}; they are read where they are embedded: in {owners}.")
    if plan.lacking:
        stderr.print(f"lacking there: {', '.join(plan.lacking)}")
