"""The passwords of the private Postgres' roles, for connections over TCP.

They are random, and stored in the home encrypted with the key file, like API keys. The server has verifiers only.
"""

import json
import os
import secrets as random
from pathlib import Path
from typing import Final

from stash_pipeline.secrets import decrypt, encrypt

_FILE: Final = "database.passwords"
_WHAT: Final = "passwords of the database"
_BYTES: Final = 24


def password_of(home: Path, role: str, *, renew: bool = False) -> str:
    """The password of a role, created on first use or anew with `renew`.

    Raises:
        UserError: if the key file is missing or is a different one.
    """
    path = home / _FILE
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if role in stored and not renew:
        return decrypt(home, stored[role].encode(), _WHAT)
    password = random.token_urlsafe(_BYTES)
    stored[role] = encrypt(home, password).decode()
    written = path.with_suffix(".new")
    with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(stored, file)
    written.replace(path)
    return password
