"""What this program says on standard error beside its results."""

import logging
import sys
from typing import Final

from stash_pipeline.settings import get_settings

_LOGGER: Final = "stash-pipeline"


def start_logging() -> None:
    """Shows messages of the level of the settings and above; does nothing the second time.

    The lines of httpcore are left out at DEBUG: they hold headers of answers, and a proxy may echo the key there.
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
