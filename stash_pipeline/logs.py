"""Logging of this program to standard error."""

import logging
import sys
from typing import Final

from stash_pipeline.settings import get_settings

_LOGGER: Final = "stash-pipeline"


def start_logging() -> None:
    """Logs at the level of the settings to standard error; a second call does nothing.

    DEBUG messages of httpcore are suppressed: they contain response headers, in which a proxy can echo the key. So are
    the tracebacks of SQLAlchemy's pool, and warnings of psycopg: a Ctrl-C while a connection is closed, or while a COPY
    or a transaction ends, is raised anyway.
    """
    root = logging.getLogger()
    if any(handler.name == _LOGGER for handler in root.handlers):
        return
    level = get_settings().log_level
    if level != "WARNING":
        handler = logging.StreamHandler(sys.stderr)
        handler.set_name(_LOGGER)
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        root.setLevel(level)
    for noisy in ("httpcore", "hpack"):
        logging.getLogger(noisy).setLevel(logging.INFO)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg").setLevel(logging.ERROR)
