"""``stash-pipeline query``: the document that reads a kind, for people."""

from stash_pipeline.commands.output import stderr
from stash_pipeline.errors import UserError


def query(entity: str, release: str | None) -> None:
    """Prints it for a release; what that release lacks goes to standard error."""
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.stash.query_plan import plan_library
    from stash_pipeline.stash.stored_schemas import stored_releases, stored_schema

    if entity not in BY_NAME:
        raise UserError(f"There is no entity {entity!r}; there are {', '.join(BY_NAME)}.")
    release = release or stored_releases()[-1]
    plan = plan_library(stored_schema(release))[entity]
    if plan.query:
        print(plan.page_document(), end="")
    else:
        owners = ", ".join(plan.entity.embedded_in)
        stderr.print(f"{release} has no query for {entity}; they are read where they are embedded: in {owners}.")
    if plan.missing_fields:
        stderr.print(f"lacking there: {', '.join(plan.missing_fields)}")
