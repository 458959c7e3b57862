"""Sends a text to Apprise addresses, which contain tokens and are never logged."""

import logging
import re
import warnings
from functools import cache
from typing import Any, Final

from stash_pipeline.errors import UserError
from stash_pipeline.settings import ENV_PREFIX, Settings

_SEPARATOR: Final = re.compile(r"[\s,]+(?=[a-zA-Z][\w+.-]*://)")


def addresses(settings: Settings) -> list[str]:
    """The configured addresses; empty if there are none.

    Raises:
        UserError: if their file cannot be read.
    """
    text = "" if settings.notify_urls is None else settings.notify_urls.get_secret_value()
    if settings.notify_urls_file is not None:
        try:
            lines = settings.notify_urls_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise UserError(
                f"The file {settings.notify_urls_file} cannot be read; correct {ENV_PREFIX}NOTIFY_URLS_FILE, or the "
                "permissions of the file."
            ) from None
        text += "\n" + "\n".join(line for line in lines if not line.strip().startswith("#"))
    return [part.strip().rstrip(",") for part in _SEPARATOR.split(text.strip()) if part.strip()]


@cache
def _apprise() -> Any:
    """The library. It loads all of its services with the first address, so it is imported only to send."""
    with warnings.catch_warnings():
        # of imghdr, which it falls back from
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://127.0.0.1")
    # its messages contain addresses
    logging.getLogger("apprise").disabled = True
    return apprise


def send(urls: list[str], title: str, body: str) -> list[str]:
    """Sends a text to every address; returns what went wrong, one entry per address that did not accept it.

    Raises:
        UserError: if an address is invalid.
    """
    apprise = _apprise()
    targets = []
    for number, url in enumerate(urls, start=1):
        target = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if target is None:
            raise UserError(
                f"Address {number} of {ENV_PREFIX}NOTIFY_URLS is not one that Apprise knows; correct it, see "
                "https://github.com/caronc/apprise/wiki."
            )
        targets.append(target)
    problems = []
    for number, target in enumerate(targets, start=1):
        name = f"address {number} ({target.service_name or 'unknown service'})"
        try:
            if not target.notify(body=body, title=title, notify_type=apprise.NotifyType.INFO):
                problems.append(f"{name} did not accept it")
        except Exception as error:
            # by class only: messages of services can repeat the address
            problems.append(f"{name} failed with {type(error).__name__}")
    return problems
