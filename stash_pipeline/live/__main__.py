"""The program for `stash-pipeline up`, which has a database ready: ``python -m stash_pipeline.live``."""

import os
import sys
from contextlib import suppress


def main() -> None:
    """Serves until SIGTERM."""
    from stash_pipeline.errors import UserError
    from stash_pipeline.live.service import serve
    from stash_pipeline.live.state import alone
    from stash_pipeline.logs import start_logging
    from stash_pipeline.runtime.supervisor import interruptible
    from stash_pipeline.settings import get_settings

    start_logging()
    settings = get_settings()
    try:
        # it waits for a `stash-pipeline live` that already follows the hints
        with interruptible(), suppress(KeyboardInterrupt):
            with alone(settings.home, wait=True):
                serve(settings)
            os.execv(sys.executable, [sys.executable, "-m", "stash_pipeline.live"])
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
