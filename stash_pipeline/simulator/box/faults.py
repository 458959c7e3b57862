"""Faults between a client and a box, and what they answer.

Contains the kinds of faults. Which requests they apply to is chosen by ``simulator.faults``; they are written like
those of a simulated Stash server, for example ``429:every=7,retry_after=2`` or ``html:next=1,status=403``.
"""

from typing import Any

from stash_pipeline.simulator.faults import Fault, Faults

KINDS = {
    "latency": "waits before the response (seconds=0.2)",
    "drop": "the connection ends in the middle of the response",
    "truncated": "JSON that ends too early",
    "429": "too many requests (retry_after=2 adds that header)",
    "html": "a page of a proxy instead of JSON (status=503)",
    "5xx": "a status of 500 and above (status=503)",
    "401": "the key is rejected",
    "422": "the document is rejected",
    "errors": "status 200 and an internal error",
}
_PAGE = "<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>\n"


def box_faults(*texts: str, seed: int = 1) -> Faults:
    """From ``KIND:SPEC`` texts; raises ValueError with a sentence if one is invalid."""
    return Faults.of(*texts, seed=seed, kinds=KINDS)


def replacement(fault: Fault, is_tpdb: bool) -> tuple[int, dict[str, Any] | str, dict[str, str]] | None:
    """(status, body, headers) of a fault that replaces the response; None for other faults."""
    if fault.kind == "429":
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        page = _PAGE.format(status="429 Too Many Requests")
        return 429, {"errors": [{"message": "Too Many Attempts."}]} if is_tpdb else page, headers
    if fault.kind == "html":
        return fault.status, _PAGE.format(status=f"{fault.status} from the proxy"), {}
    if fault.kind == "5xx":
        return fault.status, "upstream is not available", {}
    if fault.kind == "401":
        return 401, "", {}
    if fault.kind == "422":
        error = {"message": "Cannot query field.", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
        return 422, {"errors": [error], "data": None}, {}
    if fault.kind == "errors":
        message = "Internal system error. Error <runtime error: invalid memory address or nil pointer dereference>"
        return 200, {"errors": [{"message": message}], "data": None}, {}
    return None
