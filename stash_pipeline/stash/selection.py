"""Selection sets as trees: parsed from the specification's notation, reduced to what a server has, rendered."""

from collections.abc import Collection

from stash_pipeline.stash.schema import ServerSchema

Tree = dict[str, "Tree"]
"""Field name (or ``...Type`` for a fragment on that type) to the selection inside it."""


def parse(selection: str) -> Tree:
    """Parses a selection such as ``"files{id fingerprints{type value}}"``."""
    tokens = selection.replace("{", " { ").replace("}", " } ").split()
    position = 0

    def level() -> Tree:
        nonlocal position
        tree: Tree = {}
        name = ""
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token == "{":
                tree[name] = level()
            elif token == "}":
                return tree
            else:
                name = token
                tree[name] = {}
        return tree

    return level()


def merge(into: Tree, other: Tree) -> Tree:
    """Merges ``other`` into ``into`` in place, and returns it."""
    for name, inner in other.items():
        merge(into.setdefault(name, {}), inner)
    return into


def cut(tree: Tree, schema: ServerSchema, type_name: str, parent: str, missing: list[str]) -> Tree:
    """The part of ``tree`` that exists on ``type_name``; appends the paths of other fields to ``missing``."""
    available = schema.fields(type_name)
    result: Tree = {}
    for name, inner in tree.items():
        path = f"{parent}.{name}"
        if name == "__typename":
            result[name] = {}
        elif name.startswith("..."):
            if name[3:] in schema.types:
                result[name] = cut(inner, schema, name[3:], parent, missing)
        elif name not in available:
            missing.append(path)
        elif inner:
            subtree = cut(inner, schema, available[name].type_name, path, missing)
            if subtree:
                result[name] = subtree
        else:
            result[name] = {}
    return result


def without_fields(tree: Tree, paths: Collection[str]) -> Tree:
    """The tree without the fields at these paths (``chapters.created_at``); fragments do not count as steps."""
    result: Tree = {}
    for name, inner in tree.items():
        if name.startswith("..."):
            result[name] = without_fields(inner, paths)
        elif name not in paths:
            below = {path[len(name) + 1 :] for path in paths if path.startswith(f"{name}.")}
            subtree = without_fields(inner, below) if below else inner
            if subtree or not inner:
                result[name] = subtree
    return result


def linear_path(tree: Tree) -> list[str]:
    """The names from the root to the first branch or leaf; fragments do not count."""
    path: list[str] = []
    while True:
        plain = {name: inner for name, inner in tree.items() if not name.startswith(("...", "__"))}
        for name, inner in tree.items():
            if name.startswith("..."):
                merge(plain, inner)
        if len(plain) != 1:
            return path
        name, tree = next(iter(plain.items()))
        path.append(name)


def render(tree: Tree, indent: int = 2) -> str:
    """The tree as GraphQL, one field per line."""
    pad = "  " * indent
    lines = []
    for name, inner in tree.items():
        label = f"... on {name[3:]}" if name.startswith("...") else name
        if inner:
            lines.append(f"{pad}{label} {{\n{render(inner, indent + 1)}\n{pad}}}")
        else:
            lines.append(f"{pad}{label}")
    return "\n".join(lines)
