"""``stash-pipeline instances protect``: which folders and tags of an instance `duplicates` always suggests to keep."""

from stash_pipeline.commands.options import refuse_together
from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings


def protect(name: str, paths: list[str], tags: list[str], nothing: bool, as_json: bool) -> None:
    """The command; without options it only shows what is protected.

    Raises:
        UserError: if there is no such instance, a value is empty, or options exclude each other.
    """
    from stash_pipeline.instances import get_instance
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.ops import protection
    from stash_pipeline.warehouse.session import open_warehouse

    refuse_together({"--nothing": nothing, "--path": bool(paths)})
    refuse_together({"--nothing": nothing, "--tag": bool(tags)})
    if not all(value.strip() for value in (*paths, *tags)):
        raise UserError("An empty path or tag protects nothing; give a folder as the server sees it, or a tag's name.")
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        instance = get_instance(connection, name)
        if nothing:
            protection.unprotect(connection, instance.id)
        elif paths or tags:
            protection.protect(connection, instance.id, paths, tags)
        protected = protection.read_protection(connection).get(instance.id, protection.Protection())
    if as_json:
        print_json({"name": instance.name, "paths": protected.paths, "tags": protected.tags})
        return
    listed = [*(f"path {path}" for path in protected.paths), *(f"tag {tag}" for tag in protected.tags)]
    text = "; ".join(listed) or "nothing"
    console.print(f"Protected on {instance.name}: {text}.", markup=False, highlight=False, soft_wrap=True)
