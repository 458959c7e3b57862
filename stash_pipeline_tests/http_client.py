"""HTTP clients for simulated servers."""

from typing import Any

import httpx


def http_client(**options: Any) -> httpx.Client:
    """A client for http alone, which loads no certificates: that takes longer than most tests.

    Args:
        options: those of ``httpx.Client``.
    """
    return httpx.Client(verify=False, **options)
