"""Writes the traceback of an unexpected error to a file that only its owner can read, without secrets."""

import os
import re
import sys
import tempfile
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from stash_pipeline.errors import UserError
from stash_pipeline.settings import DATABASE_URL_VARIABLE, FILE_SUFFIX, get_settings, secret_of
from stash_pipeline.stash.masking import masked

_KEPT: Final = 20
"""The number of reports kept; writing another removes older ones."""

_SECRET_NAMES: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|AUTH|CREDENTIAL|NOTIFY_URLS$", re.IGNORECASE)
_SHORTEST_SECRET: Final = 6
"""Values with fewer characters are too common as words to be replaced everywhere."""

_IN_AN_ADDRESS: Final = re.compile(r"(?<=://)([^\s/@:]*):([^\s/@]+)@")
# Stash's API keys have this form
_JSON_WEB_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}")


def report_defect(error: BaseException) -> str:
    """Writes the traceback of an error to a file, and returns the sentence that names both."""
    name = type(error).__name__
    try:
        path = _write(without_secrets("".join(traceback.format_exception(error))))
    except OSError as trouble:
        return f"Unexpected error ({name}); its report could not be written: {trouble.strerror}."
    return f"Unexpected error ({name}); please report it and attach the file {path}."


def without_secrets(text: str) -> str:
    """``text`` without the passwords and keys that this process can know."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = masked(text, secret)
    text = _IN_AN_ADDRESS.sub(r"\1:***@", text)
    return _JSON_WEB_TOKEN.sub("***", text)


def _secrets() -> set[str]:
    values = {value for name, value in os.environ.items() if _SECRET_NAMES.search(name)}
    for name in os.environ:
        if name.endswith(FILE_SUFFIX) and _SECRET_NAMES.search(name.removesuffix(FILE_SUFFIX)):
            with suppress(UserError):
                values.add(secret_of(name.removesuffix(FILE_SUFFIX)))
    with suppress(ValueError, UserError):
        place = urlsplit(secret_of(DATABASE_URL_VARIABLE)).netloc
        # also if the address lacks its host
        password = (place.rpartition("@")[0] or place).partition(":")[2]
        values |= {password, unquote(password)}
    return {value.strip() for value in values if len(value.strip()) >= _SHORTEST_SECRET}


def _write(text: str) -> Path:
    directory = _directory()
    old = sorted(directory.glob("error-*.log"))
    for path in old[: max(len(old) - _KEPT + 1, 0)]:
        with suppress(OSError):
            path.unlink()
    path = directory / f"error-{datetime.now():%Y%m%d-%H%M%S-%f}-{os.getpid()}.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        command = " ".join(sys.argv[:1] + [argument for argument in sys.argv[1:] if not argument.startswith("-")][:2])
        file.write(f"{without_secrets(command)}\nPython {sys.version}\n\n{text}")
    return path


def _directory() -> Path:
    """`logs` in the home, or a new temporary folder if that is not writable."""
    with suppress(Exception):
        directory = get_settings().home / "logs"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(directory, os.W_OK):
            return directory
    return Path(tempfile.mkdtemp(prefix="stash-pipeline-"))
