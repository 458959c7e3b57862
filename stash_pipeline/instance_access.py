"""Turns the access options in the registry into what a client sends: keys, headers, logins, certificates.

Secrets are encrypted (``secrets.py``) or come from an environment variable. They leave this module only as an
``Access``.
"""

import json
import re
from pathlib import Path
from typing import Final

from stash_pipeline import secrets
from stash_pipeline.errors import UserError
from stash_pipeline.settings import FILE_SUFFIX, Settings, secret_of
from stash_pipeline.stash.access import Access, Headers, absolute
from stash_pipeline.stash.address import graphql_url
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.limits import MB, Limits

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def limits_of(settings: Settings) -> Limits:
    """The limits on what a server may send, from the settings."""
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
    """Everything that is sent to a server for access, with the values of the named variables.

    Raises:
        UserError: if a variable is not set, or a value cannot be sent.
    """
    if client_key and not client_cert:
        raise UserError("--client-key needs its certificate; also give --client-cert.")
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


def check_key_variable(variable: str) -> None:
    """Checks that an option has the name of a variable, and not the key itself.

    Raises:
        UserError: if it has not.
    """
    if not _VARIABLE.match(variable):
        raise UserError(
            "--api-key-env takes the name of a variable (letters, digits, underscores), not the key itself; "
            "to give the key on standard input, use --api-key-stdin."
        )


def _check_login_variable(variable: str) -> None:
    if not _VARIABLE.match(variable):
        raise UserError(
            "--basic-auth-env takes the name of a variable (letters, digits, underscores) that contains "
            "user:password, not the password itself."
        )


def key_from_variable(variable: str, whose: str = "the server") -> str:
    """The API key in an environment variable.

    Raises:
        UserError: if it is not set.
    """
    check_key_variable(variable)
    value = secret_of(variable)
    if not value:
        raise UserError(
            f"The variable {variable} with the API key of {whose} is not set; set it, or set {variable}{FILE_SUFFIX} "
            "to the path of a file with it."
        )
    return value


def login_from_variable(variable: str, whose: str = "the server") -> str:
    """The ``user:password`` for a proxy, from an environment variable.

    Raises:
        UserError: if it is not set.
    """
    _check_login_variable(variable)
    value = secret_of(variable)
    if not value:
        raise UserError(
            f"The variable {variable} with the proxy login of {whose} is not set; set it, or set "
            f"{variable}{FILE_SUFFIX} to the path of a file with it."
        )
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
    """Normalizes URL and files for the registry. Errors do not repeat a value that can be a secret."""
    if api_key_env is not None:
        check_key_variable(api_key_env)
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
            # the files must be valid whatever the URL is
            access.ssl_context("https:")
        return graphql_url(url) if url is not None else None, access
    except StashError as error:
        raise UserError(str(error)) from None


def merged_headers(before: Headers, added: Headers) -> Headers:
    """Adds headers; they replace those of the same name."""
    names = {name.lower() for name, _ in added}
    return (*(header for header in before if header[0].lower() not in names), *added)


def decrypted_headers(home: Path, encrypted: bytes | None) -> Headers:
    """Decrypts stored headers.

    Raises:
        UserError: if the key file cannot be used.
    """
    return tuple(json.loads(secrets.decrypt(home, encrypted, "headers")).items()) if encrypted else ()


def encrypted_headers(home: Path, headers: Headers) -> bytes | None:
    """Encrypts headers for the registry."""
    return secrets.encrypt(home, json.dumps(dict(headers))) if headers else None
