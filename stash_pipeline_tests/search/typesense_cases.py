"""Requests whose answers were recorded from a real Typesense server, in their order.

``recorded/typesense-0.24.1.json`` has the answers of release 0.24.1; the stand-in must give the same. To record those
of another release::

    python -m stash_pipeline_tests.search.typesense_cases http://127.0.0.1:8108 KEY > answers.json

The collections are made and removed by the cases. Do not run them on a server whose collections are named ``case_…``.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx

Case = tuple[str, str, Any]
"""Method, path with query, and body: an object, or text for JSON lines."""

DOCS = {
    "name": "case_docs",
    "fields": [
        {"name": "tokens", "type": "string[]", "facet": True},
        {"name": "kind", "type": "string", "facet": True},
        {"name": "low", "type": "int64"},
        {"name": "small", "type": "int32", "optional": True},
        {"name": "share", "type": "float", "optional": True},
        {"name": "flag", "type": "bool", "optional": True},
        {"name": "body", "type": "string", "index": False, "optional": True},
    ],
}

ROWS: list[Any] = [
    {"id": "a", "tokens": ["red", "blue"], "kind": "one", "low": 9007199254740993, "small": 5, "body": "{}"},
    {"id": "b", "tokens": ["blue"], "kind": "two", "low": -3, "flag": True},
    {"id": "c", "tokens": [], "kind": "one", "low": 9007199254740992, "small": 7, "flag": False, "unknown": 1},
    {"id": "d", "tokens": ["zgreen1"], "kind": "three", "low": 0, "small": -2},
]

BAD_ROWS: list[Any] = [
    {"id": "e", "tokens": "red", "kind": "one", "low": 1},
    {"id": "f", "tokens": [1], "kind": "one", "low": 1},
    {"id": "g", "tokens": ["red"], "kind": 1, "low": 1},
    {"id": "h", "tokens": ["red"], "kind": "one", "low": "1"},
    {"id": "i", "tokens": ["red"], "kind": "one", "low": 1.5},
    {"id": "j", "tokens": ["red"], "kind": "one"},
    {"id": "k", "tokens": ["red"], "kind": "one", "low": None},
    {"id": 7, "tokens": ["red"], "kind": "one", "low": 1},
    {"id": "m", "tokens": ["red"], "kind": "one", "low": 1, "flag": "yes"},
    {"id": "n", "tokens": ["red"], "kind": "one", "low": 1, "small": "x"},
    {"id": "ok", "tokens": ["red"], "kind": "one", "low": 1, "small": None},
    [1],
]

FILTERS = [
    "tokens:=[blue]",
    "tokens:=[red,zgreen1]",
    "tokens:!=[blue]",
    "tokens:!=[red,zgreen1]",
    "tokens:=`blue`",
    "tokens:=[nothing]",
    "tokens:=blue && kind:=two",
    "(tokens:=[red] || tokens:=[zgreen1]) && small:>=0",
    "small:>5",
    "small:>=5",
    "small:<5",
    "small:<=5",
    "small:=5",
    "small:[5..7]",
    "low:=9007199254740993",
    "low:>9007199254740992",
    "low:<0",
    "low:>=-3",
    "(small:<6 || tokens:!=[red]) && (low:>0 || (kind:=two && low:=-3))",
    "kind:=[one,two]",
    "kind:!=[one]",
    "flag:=true",
    "flag:=false",
    "id:[a,c]",
    "",
    "nofield:=1",
    "body:=x",
    "(tokens:=[red]",
    "tokens:=[red])",
    "tokens:=[red] &&",
    "&& tokens:=[red]",
    "tokens:=[red] || && kind:=one",
    "tokens",
    "tokens:",
    "small:five",
    "small:>five",
    "low:!five",
    "flag:=maybe",
]

SORTS = [
    "low:asc",
    "low:desc",
    "small:asc,low:asc",
    "small:desc,low:asc",
    "low:asc,small:desc,share:asc",
    "low:asc,small:desc,share:asc,flag:asc",
    "low",
    "low:up",
    "nofield:asc",
    "tokens:asc",
    "kind:asc",
    "",
]


def cases() -> Iterator[Case]:
    """The requests."""
    for name in ("case_docs", "case_more"):
        yield "DELETE", f"/collections/{name}", None
    yield "DELETE", "/aliases/case_alias", None
    yield "GET", "/collections/case_docs", None
    yield "POST", "/collections", DOCS
    yield "POST", "/collections", DOCS
    yield "POST", "/collections", {"name": "case_more"}
    yield "POST", "/collections", {"name": "case_more", "fields": [{"name": "x", "type": "text"}]}
    yield "POST", "/collections", {"name": "case_more", "fields": [{"type": "string"}]}
    yield "POST", "/collections", {"fields": [{"name": "x", "type": "string"}]}
    yield "POST", "/collections", {"name": "case_more", "fields": [{"name": "x", "type": "string", "index": False}]}
    for kind in ("string", "bool", "int64[]"):
        fields = [{"name": "x", "type": kind}]
        yield "POST", "/collections", {"name": "case_more", "fields": fields, "default_sorting_field": "x"}
    optional = [{"name": "x", "type": "int32", "optional": True}]
    yield "POST", "/collections", {"name": "case_more", "fields": optional, "default_sorting_field": "x"}
    yield "POST", "/collections", {"name": "case_more", "fields": optional, "default_sorting_field": "y"}
    yield "POST", "/collections", "{not json"
    documents = "/collections/case_docs/documents"
    yield "POST", f"{documents}/import?action=upsert&dirty_values=reject", "\n".join(map(json.dumps, ROWS))
    yield "POST", f"{documents}/import?action=upsert&dirty_values=reject", "\n".join(map(json.dumps, BAD_ROWS))
    yield "POST", f"{documents}/import?action=upsert&dirty_values=reject", '{"id": "z", broken'
    yield "POST", f"{documents}/import?action=upsert&dirty_values=reject", ""
    yield "POST", f"{documents}/import?action=invent", json.dumps(ROWS[0])
    yield "POST", f"{documents}/import?action=create", json.dumps(ROWS[0])
    yield "POST", "/collections/case_none/documents/import?action=upsert", json.dumps(ROWS[0])
    yield "GET", f"{documents}/a", None
    yield "GET", f"{documents}/none", None
    yield "GET", f"{documents}/export?include_fields=kind", None
    yield "GET", "/collections/case_none/documents/export", None
    for filter_by in FILTERS:
        yield search(filter_by=filter_by, sort_by="low:asc")
    for sort_by in SORTS:
        yield search(sort_by=sort_by)
    yield search(facet_by="kind", sort_by="low:asc", max_facet_values=10)
    yield search(facet_by="kind", sort_by="low:asc", per_page=0, filter_by="small:>0")
    yield search(facet_by="low")
    yield search(facet_by="nofield")
    yield search(per_page=2, sort_by="low:asc")
    yield search(per_page=2, page=2, sort_by="low:asc")
    yield search(per_page=250, page=4, sort_by="low:asc")
    yield search(per_page=251)
    yield search(page=0)
    yield search(per_page="many")
    yield search(facet_by="kind", max_facet_values="many")
    yield search(include_fields="body", sort_by="low:asc")
    yield search(collection="case_none")
    yield search(q="red")
    yield "POST", "/multi_search", {"searches": [search()[2]["searches"][0]] * 51}
    yield "POST", "/multi_search", {"search": []}
    yield "POST", "/multi_search", "{not json"
    yield "GET", "/aliases/case_alias", None
    yield "PUT", "/aliases/case_alias", {"collection_name": "case_docs"}
    yield "PUT", "/aliases/case_alias", {"collection": "case_docs"}
    yield "GET", "/aliases/case_alias", None
    yield search(collection="case_alias", sort_by="low:asc", filter_by="small:>=0")
    yield "DELETE", f"{documents}?filter_by=id:[a,none]", None
    yield "DELETE", f"{documents}?filter_by=nofield:=1", None
    yield "DELETE", documents, None
    yield "DELETE", f"{documents}/b", None
    yield "DELETE", f"{documents}/b", None
    yield search(sort_by="low:asc")
    yield "DELETE", "/aliases/case_alias", None
    yield "DELETE", "/collections/case_docs", None
    yield "DELETE", "/collections/case_more", None
    yield "GET", "/nowhere", None
    yield "GET", "/health", None


def search(**parameters: Any) -> Case:
    """A search in a request for several."""
    return "POST", "/multi_search", {"searches": [{"collection": "case_docs", "q": "*", **parameters}]}


def ask(client: httpx.Client, case: Case) -> dict[str, Any]:
    """The answer to a request: the parts that do not depend on time and place."""
    method, path, body = case
    content = body if isinstance(body, str) or body is None else json.dumps(body)
    answer = client.request(method, path, content=content)
    text = answer.text
    lines = [json.loads(line) for line in text.splitlines() if line.strip()] if text.startswith("{") else [text]
    kept = [_kept(line) for line in lines]
    return {"method": method, "path": path, "status": answer.status_code, "answer": kept[0] if len(kept) == 1 else kept}


_PLACES = (
    "created_at", "search_time_ms", "search_cutoff", "request_params", "highlights", "highlight", "out_of",
    "text_match", "text_match_info", "facet_stats", "stats", "sampled", "highlighted",
)  # fmt: skip


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _kept(one) for name, one in sorted(value.items()) if name not in _PLACES}
    return [_kept(one) for one in value] if isinstance(value, list) else value


def record(url: str, key: str) -> list[dict[str, Any]]:
    """The answers of a server."""
    with httpx.Client(base_url=url, headers={"X-TYPESENSE-API-KEY": key}, timeout=30) as client:
        recorded = [ask(client, case) for case in cases()]
    with httpx.Client(base_url=url, headers={"X-TYPESENSE-API-KEY": "wrong"}, timeout=30) as client:
        recorded.append(ask(client, ("GET", "/collections", None)))
        recorded.append(ask(client, search()))
    with httpx.Client(base_url=url, timeout=30) as client:
        recorded.append(ask(client, ("GET", "/collections", None)))
    return recorded


if __name__ == "__main__":
    json.dump(record(*sys.argv[1:3]), sys.stdout, indent=1, ensure_ascii=False)
