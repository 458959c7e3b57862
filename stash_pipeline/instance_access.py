"""What the registry keeps of the ways to a server, made into what a client shows: keys, headers, logins, files.

Secrets are encrypted (``secrets.py``) or come from an environment variable; they leave only as an ``Access``.
"""

import json
import os
import re
from pathlib import Path
from typing import Final

from stash_pipeline import secrets
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings
from stash_pipeline.stash.access import Access, Headers, absolute
from stash_pipeline.stash.address import graphql_url
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.limits import MB, Limits

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def limits_of(settings: Settings) -> Limits:
    """What is taken from a server, as it is set."""
    return Limits(
        settings.answer_max_mb * MB,
        settings.request_total_seconds,
        settings.download_max_mb * MB,
        settings.download_max_seconds,
    )


def access_of(
    *,
    api_key: str | None = None,
    api_key_env: str | None = None,
    headers: Headers = (),
    basic_auth_env: str | None = None,
    ca_file: str | None = None,
    client_cert: str | None = None,
    client_key: str | None = None,
    whose: str = "the server",
) -> Access:
    """All that a server is shown, with the values of the variables that are named.

    Raises:
        UserError: if a variable is not set, or a value cannot be sent.
    """
    if client_key and not client_cert:
        raise UserError("--client-key needs the certificate that it belongs to: give --client-cert too.")
    try:
        return Access(
            key_from_variable(api_key_env, whose) if api_key_env else api_key,
            headers,
            login_from_variable(basic_auth_env, whose) if basic_auth_env else None,
            absolute(ca_file),
            absolute(client_cert),
            absolute(client_key),
        )
    except StashError as error:
        raise UserError(str(error)) from None


def _check_key_variable(variable: str) -> None:
    if not _VARIABLE.match(variable):
        raise UserError(
            "--api-key-env takes the name of a variable (letters, digits, underscores), not the key itself; "
            "a key goes to standard input, with --api-key-stdin."
        )


def _check_login_variable(variable: str) -> None:
    if not _VARIABLE.match(variable):
        raise UserError(
            "--basic-auth-env takes the name of a variable (letters, digits, underscores) that holds user:password, "
            "not the password itself."
        )


def key_from_variable(variable: str, whose: str = "the server") -> str:
    """The API key that an environment variable holds.

    Raises:
        UserError: if it is not set.
    """
    _check_key_variable(variable)
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UserError(f"The API key of {whose} is to come from the variable {variable}, which is not set.")
    return value


def login_from_variable(variable: str, whose: str = "the server") -> str:
    """The ``user:password`` for a proxy that an environment variable holds.

    Raises:
        UserError: if it is not set.
    """
    _check_login_variable(variable)
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UserError(f"The proxy login of {whose} is to come from the variable {variable}, which is not set.")
    return value


def checked(
    url: str | None,
    api_key: str | None,
    api_key_env: str | None,
    headers: Headers,
    basic_auth_env: str | None,
    ca_file: str | None,
    client_cert: str | None,
    client_key: str | None,
) -> tuple[str | None, Access]:
    """URL and files as they are kept; what cannot be used is refused, and not repeated if it may be a secret."""
    if api_key_env is not None:
        _check_key_variable(api_key_env)
    if basic_auth_env is not None:
        _check_login_variable(basic_auth_env)
    for option, path in (("--ca-file", ca_file), ("--client-cert", client_cert), ("--client-key", client_key)):
        if path == "":
            raise UserError(f"{option} names no file; give the path of a PEM file.")
    access = access_of(
        api_key=api_key, headers=headers, ca_file=ca_file, client_cert=client_cert, client_key=client_key
    )
    try:
        if any(access.files()):
            # whatever the URL is, they are to be of use
            access.ssl_context("https:")
        return graphql_url(url) if url is not None else None, access
    except StashError as error:
        raise UserError(str(error)) from None


def merged_headers(before: Headers, given: Headers) -> Headers:
    """Headers with others added, or in the place of those of the same name."""
    names = {name.lower() for name, _ in given}
    return (*(header for header in before if header[0].lower() not in names), *given)


def decrypted_headers(home: Path, kept: bytes | None) -> Headers:
    """Headers as they were given.

    Raises:
        UserError: if the key file cannot be used.
    """
    return tuple(json.loads(secrets.decrypt(home, kept, "headers")).items()) if kept else ()


def encrypted_headers(home: Path, headers: Headers) -> bytes | None:
    """Headers as they are kept."""
    return secrets.encrypt(home, json.dumps(dict(headers))) if headers else None
