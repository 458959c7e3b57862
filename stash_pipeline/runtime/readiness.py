"""Tells systemd that a service is ready, by the protocol of sd_notify(3)."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress


def readiness() -> Callable[[], None]:
    """What sends READY=1 to the systemd that started this process; it does nothing without one.

    To be called before other processes are started: it removes the variable with the socket, so that they send nothing.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if address.startswith("@"):
        # a name without a file
        address = "\0" + address[1:]

    def report_ready() -> None:
        if not address:
            return
        # a service that nobody waits for any more goes on
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
            notifications.sendto(b"READY=1", address)

    return report_ready
