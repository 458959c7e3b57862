"""Commands whose dependencies are an extra of the package."""

from importlib.util import find_spec
from typing import Final

from stash_pipeline.errors import UserError

DEMO: Final = ("graphql", "starlette", "uvicorn")
"""The modules that the extra ``demo`` installs for the simulated Stash server."""


def require_demo(command: str) -> None:
    """Refuses a command that needs the simulated Stash server if its dependencies are not installed."""
    missing = [name for name in DEMO if find_spec(name) is None]
    if missing:
        raise UserError(
            f"`stash-pipeline {command}` needs {', '.join(missing)}; install them with "
            "`pip install 'stash-pipeline[demo]'`."
        )
