"""``stash-pipeline query``: prints the GraphQL query that reads an entity."""

from stash_pipeline.commands.output import stderr
from stash_pipeline.errors import UserError


def query(entity: str, release: str | None) -> None:
    """Prints the query for a release; fields that the release lacks go to standard error."""
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.stash.query_plan import plan_library
    from stash_pipeline.stash.stored_schemas import stored_releases, stored_schema

    if entity not in BY_NAME:
        raise UserError(f"There is no entity {entity!r}; choose one of {', '.join(BY_NAME)}.")
    release = release or stored_releases()[-1]
    plan = plan_library(stored_schema(release))[entity]
    if plan.query:
        print(plan.page_document(), end="")
    else:
        owners = ", ".join(plan.entity.embedded_in)
        stderr.print(f"{release} has no query for {entity}; they are read as part of {owners}.")
    if plan.missing_fields:
        stderr.print(f"missing in this release: {', '.join(plan.missing_fields)}")
