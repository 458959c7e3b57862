"""Snapshots of the whole database."""

from typing import Any

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.mutations.common import Mutation


def _backup_database(ctx: RequestContext, args: dict[str, Any]) -> Any:
    """Without ``download``, the snapshot would stay on the server, invisible to clients; none is created."""
    ctx.downloads.require_folder()
    return ctx.downloads.offer(ctx) if args["input"].get("download") else None


MUTATIONS: dict[str, Mutation] = {"backupDatabase": _backup_database}
