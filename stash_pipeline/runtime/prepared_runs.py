"""What the fork server of the code server imports, so that runs need not: see ``code_server.py``.

It opens no connection and starts no thread, so that a fork of it is safe.
"""

import gc
import logging
import os
from importlib import import_module
from typing import Final

MODULE_VARIABLE: Final = "_STASH_PIPELINE_DEFINITIONS"
"""The variable with the module of the definitions."""

_LOADED_LATE: Final = ("stash_pipeline.warehouse.matches.following", "stash_pipeline.warehouse.matches.duplicates")
"""What layers import when they follow for the first time, and not with their definitions."""

_log = logging.getLogger(__name__)


def prepare(module: str) -> None:
    """Imports what a run needs, and loads the definitions."""
    from stash_pipeline.runtime.dagster_internals import run_process_module
    from stash_pipeline.runtime.in_process import load_definitions
    from stash_pipeline.settings import use_settings

    run_process_module()
    load_definitions(module)
    for name in _LOADED_LATE:
        import_module(name)
    # a run reads the environment itself, because files with secrets can have changed
    use_settings(None)
    # what a collection would touch is not shared with the runs any more
    gc.collect()
    gc.freeze()


if MODULE_VARIABLE in os.environ:
    try:
        prepare(os.environ[MODULE_VARIABLE])
    except Exception as error:
        # the fork server must not end: a run then imports by itself, and reports the error
        _log.warning("Runs cannot be prepared (%s).", type(error).__name__)
