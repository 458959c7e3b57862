"""Ports of this machine for test servers."""

import random
import socket
from typing import Final

_FIRST: Final = 10240
_LAST: Final = 32000
_TRIES: Final = 100


def free_port() -> int:
    """An unused port of 127.0.0.1.

    Below the ports that Linux gives to outgoing connections and to servers without a port of their own: otherwise one
    of those could take it before the test server listens.
    """
    for _ in range(_TRIES):
        # not the generator of the tests: each worker seeds it alike
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {_TRIES} ports is unused")
