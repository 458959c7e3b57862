"""Tells systemd that a service is ready, by the protocol of sd_notify(3)."""

import os
import socket


def report_ready() -> None:
    """Sends READY=1 to the systemd that started this process; does nothing without one.

    Later calls and child processes send nothing: the variable with the socket is removed.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        # a name without a file
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.sendto(b"READY=1", address)
