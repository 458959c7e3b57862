"""The token by which a server proves to the webhook which instance it is.

Tokens are derived from the key file, and stored nowhere by this program. A new key file makes new ones.
"""

import hmac
from pathlib import Path
from typing import Final

from stash_pipeline.secrets import derive

_PURPOSE: Final = "webhook"


def token_of(home: Path, uuid: str) -> str:
    """The token of an instance.

    Raises:
        UserError: if the key file can be neither read nor created.
    """
    return derive(home, f"{_PURPOSE}:{uuid}")


def instance_of_token(tokens: dict[str, str], presented: str) -> str | None:
    """The uuid of the instance with this token, in a time that does not depend on how much of it is right."""
    instance = None
    for uuid, token in tokens.items():
        if hmac.compare_digest(token.encode(), presented.encode("utf-8", "replace")):
            instance = uuid
    return instance
