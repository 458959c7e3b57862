"""Carries out ``stash-pipeline search verify``: compares the index with the documents of the database."""

from dataclasses import asdict
from typing import Final

from stash_pipeline.commands.output import console, print_json, table
from stash_pipeline.settings import get_settings

_LINES: Final = 50
"""The most differences that are printed; JSON has all."""


def search_verify(sample: int, as_json: bool) -> int:
    """The command; returns the exit code: 1 if anything differs.

    Args:
        sample: documents of each side to compare.

    Raises:
        UserError: if there is no index, or it cannot be read.
    """
    from stash_pipeline.search.backends import open_backend
    from stash_pipeline.search.verification import verify_index
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        backend = open_backend(settings)
        reader = backend.reader()
        try:
            verification = verify_index(connection, reader, sample)
        finally:
            reader.close()
    if as_json:
        print_json(
            {
                "backend": backend.name,
                "index": asdict(verification.state),
                "revision": verification.revision,
                "in_step": verification.in_step,
                "counts": {
                    entity: {"documents": ours, "index": its} for entity, (ours, its) in verification.counts.items()
                },
                "sampled": verification.sampled,
                "looked_up": verification.looked_up,
                "differences": verification.differences,
            }
        )
    else:
        rows = [[entity, f"{ours:,}", f"{its:,}"] for entity, (ours, its) in verification.counts.items()]
        table(None, ["entity", "documents", f"in {backend.name}"], rows, numbers=2)
        for difference in verification.differences[:_LINES]:
            console.print(difference, markup=False, highlight=False, soft_wrap=True)
        if len(verification.differences) > _LINES:
            console.print(f"… and {len(verification.differences) - _LINES:,} more; --json lists all.")
        verdict = (
            "Nothing differs." if not verification.differences else f"{len(verification.differences):,} differences."
        )
        console.print(
            f"Compared {verification.sampled:,} documents, looked up {verification.looked_up:,}. {verdict}",
            highlight=False,
        )
    return 1 if verification.differences else 0
