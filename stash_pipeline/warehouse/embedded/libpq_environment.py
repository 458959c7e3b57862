"""The variables with which libpq would lead the addresses of the private server elsewhere."""

import os
from typing import Final

from psycopg.pq import Conninfo

_MORE_VARIABLES: Final = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR")
"""Variables that libpq reads but does not list."""


def forget_other_servers() -> None:
    """Removes libpq's variables from the environment of this process and its children.

    They belong to other servers, and the address cannot override all of them: PGHOSTADDR leads elsewhere, PGREQUIREAUTH
    and PGCHANNELBINDING require what a socket does not support, PGTZ can have an invalid value.
    """
    for option in Conninfo.get_defaults():
        if option.envvar is not None:
            os.environ.pop(option.envvar.decode(), None)
    for name in _MORE_VARIABLES:
        os.environ.pop(name, None)
