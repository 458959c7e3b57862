"""How many objects of each kind a server has, in one small request."""

from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.planning import Plan


def counts_document(plans: list[Plan]) -> str:
    """One query with an alias per kind; ``per_page: 0`` counts and sends no object."""
    lines = [
        f"  {plan.entity.name}: {plan.query}(filter: {{per_page: 0}}) {{ count }}"
        for plan in plans
        if plan.query and plan.result and not plan.entity.whole
    ]
    return "query Counts {\n" + "\n".join(lines) + "\n}\n" if lines else ""


def count_objects(client: StashClient, plans: list[Plan]) -> dict[str, int]:
    """The server's own counts, per kind that it can count.

    Raises:
        StashError: as of any request.
    """
    document = counts_document(plans)
    if not document:
        return {}
    data = client.execute(document, name="counts").data
    return {name: int(found["count"]) for name, found in data.items()}
