"""Who rejected a request, and what to do: Stash itself, a proxy that requires its own login, or another program.

Stash answers 401 with ``WWW-Authenticate: FormBased``. Another challenge, a web page, or a redirect to another host
comes from a proxy. This module sends no requests.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.errors import Barrier, StashHTTPError, shortened

_EDIT: Final = "`stash-pipeline instances edit NAME"
_THROUGH: Final = (
    f"give credentials for it with {_EDIT} --basic-auth-env VAR` or `--header 'Name: value'`, or exempt /graphql and "
    "/downloads from the proxy's login"
)
_LOGIN_WORDS: Final = re.compile(
    r"type=[\"']?password|\blog ?-?in\b|\bsign ?-?in\b|authelia|authentik|cloudflareaccess|oauth|keycloak",
    re.IGNORECASE,
)
_LOGIN_PATHS: Final = re.compile(
    r"(?:^|[/.])(?:log-?in|sign-?in|auth|authelia|authentik|authorize|oauth2?|oidc|saml|sso|cdn-cgi)(?:[/.]|\Z)",
    re.IGNORECASE,
)


def looks_like_a_login(page: str) -> bool:
    """Whether a web page asks for a login, judged by its beginning."""
    return bool(_LOGIN_WORDS.search(page))


def is_page(headers: Mapping[str, str], beginning: str) -> bool:
    """Whether a response is a web page."""
    return "html" in headers.get("content-type", "").lower() or beginning.lstrip().lower().startswith(
        ("<!doctype html", "<html")
    )


def refusal(url: str, status: int, headers: Mapping[str, str], beginning: str, access: Access) -> StashHTTPError | None:
    """The error for a response that rejects the request; None for any other response.

    Args:
        beginning: of its body, masked.
    """
    mask = access.mask()
    if status == 401:
        barrier, sentence = _unauthorized(url, headers, beginning, access)
        return StashHTTPError(status, mask.text(sentence), barrier=barrier)
    if status == 403:
        if is_page(headers, beginning):
            sentence = f"{url} answered 403 with a web page: a proxy in front of Stash denies access; {_THROUGH}."
            return StashHTTPError(status, sentence, barrier="proxy")
        return StashHTTPError(
            status,
            f"{url} answered 403: the API key is missing, wrong, or sent to a server that has no credentials set; or a "
            "proxy denies access.",
        )
    if status == 407:
        sentence = f"{url} answered 407: the proxy from this machine's environment (HTTP_PROXY) requires a login."
        return StashHTTPError(status, sentence, barrier="proxy")
    if status in (301, 302, 303, 307, 308):
        return _redirect(url, status, mask.text(headers.get("location", "")))
    if 200 <= status < 300 and is_page(headers, beginning) and looks_like_a_login(beginning):
        sentence = (
            f"{url} answered with a web page that asks for a login, not with JSON: it is a proxy in front of Stash, or "
            f"another program; {_THROUGH}."
        )
        return StashHTTPError(status, sentence, barrier="proxy")
    return None


def _unauthorized(url: str, headers: Mapping[str, str], beginning: str, access: Access) -> tuple[Barrier | None, str]:
    challenge = headers.get("www-authenticate", "").strip()
    scheme = challenge.partition(" ")[0].rstrip(",").lower()
    if scheme == "formbased":
        return "stash", f"{url} answered 401: the API key is missing, wrong, or sent to a server that has none."
    if scheme == "basic":
        if access.basic_auth is not None or "authorization" in {name.lower() for name, _ in access.headers}:
            return "proxy login", (
                f"{url} answered 401: the proxy in front of Stash rejects the user and password; correct them with "
                f"{_EDIT} --basic-auth-env VAR`."
            )
        return "proxy", (
            f"{url} answered 401: a proxy in front of Stash requires its own user and password besides the API key; "
            f"give them with {_EDIT} --basic-auth-env VAR` (VAR contains user:password)."
        )
    if scheme:
        return "proxy", (
            f"{url} answered 401: a proxy in front of Stash requires a login ({shortened(scheme, 30)}); give it with "
            f"{_EDIT} --header 'Authorization: …'`."
        )
    if is_page(headers, beginning):
        return "proxy", f"{url} answered 401 with a web page: a proxy in front of Stash requires a login; {_THROUGH}."
    return None, (
        f"{url} answered 401: the API key is missing, wrong, or sent to a server that has no credentials set."
    )


def _redirect(url: str, status: int, location: str) -> StashHTTPError:
    try:
        own, other = urlsplit(url), urlsplit(urljoin(url, location))
        host = other.hostname or ""
    except ValueError:
        return StashHTTPError(status, f"{url} redirects to nowhere.", location[:200])
    # the query may contain a secret
    target = shortened(location.split("?")[0].split("#")[0], 200)
    barrier: Barrier | None = None
    if host != own.hostname and (_LOGIN_PATHS.search(f"{host}{other.path}") or other.query):
        barrier = "proxy"
        sentence = f"{url} redirects to the login page of a proxy at {shortened(host, 100)}; {_THROUGH}."
    elif host == own.hostname and _LOGIN_PATHS.search(other.path):
        barrier = "stash" if other.path.rstrip("/").endswith("/login") else "proxy"
        sentence = f"{url} redirects to a login page ({target}): give the API key"
        sentence += "." if barrier == "stash" else f", or, if it is a proxy's, {_THROUGH}."
    elif target:
        sentence = f"{url} redirects to {target}, which is not followed; give the URL that answers."
    else:
        sentence = f"{url} redirects to nowhere, which is not followed; give the URL that answers."
    return StashHTTPError(status, sentence, location, barrier)
