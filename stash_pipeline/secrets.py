"""Encrypts stored API keys and headers with a key file that only its owner can read.

``instances.py`` and ``stashbox_registry.py`` store the ciphertext.
"""

import base64
import hashlib
import hmac
import os
import time
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import make_home
from stash_pipeline.settings import get_settings

KEY_FILE = "instances.key"
_KEYS = "API keys"
_REPAIR = {
    _KEYS: "enter the key again with `stash-pipeline instances edit NAME --api-key-stdin`.",
    "API keys of stash-boxes": "enter the key again with `stash-pipeline boxes edit NAME --api-key-stdin`.",
    "passwords of the database": "create new ones with `stash-pipeline db url --new-password`.",
    "headers": "enter them again with `stash-pipeline instances edit NAME --no-headers --header 'Name: value'`.",
}
_MAKE = "write one with `openssl rand -base64 32 | tr '+/' '-_'`, the same on every host."


def key_file(home: Path) -> Path:
    """The key file: that of the settings, which hosts with one database share, or the one in a home."""
    return get_settings().key_file or home / KEY_FILE


def _read(path: Path) -> bytes | None:
    """The content of the key file, or None if it does not exist. Restricts the file to its owner."""
    try:
        # another process may have created it and not written it yet
        for _ in range(20):
            content = path.read_bytes()
            if content:
                break
            time.sleep(0.02)
        if path.stat().st_mode & 0o077:
            with suppress(OSError):
                path.chmod(0o600)
        return content
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"The key file {path} cannot be read: {error.strerror}.") from None


def _make(path: Path) -> bytes:
    key = Fernet.generate_key()
    try:
        make_home(path.parent)
        # exclusive: two processes must not each create one
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path) or key
    except OSError as error:
        raise UserError(f"The key file {path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key


def _cipher(content: bytes) -> Fernet | None:
    try:
        return Fernet(content)
    except ValueError:
        return None


def _usable_key(home: Path) -> bytes:
    """The content of the key file, which is created if there is none."""
    path = key_file(home)
    content = _read(path)
    if content is not None and _cipher(content) is not None:
        return content
    if content is not None:
        if path != home / KEY_FILE:
            raise UserError(f"The file {path} of STASH_PIPELINE_KEY_FILE is not a key; {_MAKE}")
        # not a key, so nothing was ever encrypted with it and replacing it loses nothing
        path.unlink(missing_ok=True)
    return _make(path)


def derive(home: Path, purpose: str) -> str:
    """A secret that only this key file and this purpose result in; nothing about the key can be learnt from it.

    Raises:
        UserError: if the key file can be neither read nor created.
    """
    digest = hmac.new(_usable_key(home), purpose.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def encrypt(home: Path, secret: str) -> bytes:
    """Encrypts a secret with the key file under ``home`` (created on first use, mode 0600).

    Raises:
        UserError: if the key file can be neither read nor created.
    """
    return Fernet(_usable_key(home)).encrypt(secret.encode())


def decrypt(home: Path, token: bytes, what: str = _KEYS) -> str:
    """Decrypts ``token``.

    Args:
        what: what the token contains, a key of ``_REPAIR``; selects the instruction in the error.

    Raises:
        UserError: if the key file is missing or is a different one.
    """
    path = key_file(home)
    content = _read(path)
    if content is None:
        raise UserError(f"The key file {path} is missing, so stored {what} cannot be decrypted; {_REPAIR[what]}")
    cipher = _cipher(content)
    try:
        if cipher is not None:
            return cipher.decrypt(token).decode()
    except (InvalidToken, ValueError):
        pass
    raise UserError(f"The key file {path} does not match the stored {what}; {_REPAIR[what]}")
