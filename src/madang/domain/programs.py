"""What differs between two versions of a program's text: nothing that runs, seeds alone, or more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from madang.domain.causes import is_seed

_LINES_OF_COMMENT = {".sh": "#", ".bash": "#", ".r": "#", ".jl": "#", ".rb": "#", ".pl": "#"}
_SEED_CALLS = frozenset(("seed", "seed_everything", "manual_seed", "manual_seed_all", "default_rng", "Random",
                         "RandomState", "PRNGKey", "set_seed", "set_random_seed"))  # fmt: skip


def runs_the_same(old: str, new: str, path: str) -> bool:
    """Whether two texts differ at most in comments, documentation and layout."""
    if old == new:
        return True
    ending = "." + path.rpartition(".")[2].lower()
    if ending == ".py":
        trees = _trees(old, new)
        return trees is not None and _dumped(trees[0]) == _dumped(trees[1])
    mark = _LINES_OF_COMMENT.get(ending)
    return mark is not None and "<<" not in old + new and _lines(old, mark) == _lines(new, mark)


def changed_seeds(old: str, new: str) -> dict[str, tuple[Any, Any]]:
    """The seeds that two Python programs hold as constants, where they differ in nothing else; else nothing."""
    trees = _trees(old, new)
    if trees is None:
        return {}
    seeds = [list(_seeds(tree)) for tree in trees]
    found: dict[str, tuple[Any, Any]] = {}
    if len(seeds[0]) != len(seeds[1]):
        return {}
    for (name, one), (_, other) in zip(*seeds, strict=True):
        if type(one.value) is not type(other.value) or one.value != other.value:
            found[name] = (one.value, other.value)
        one.value = other.value = 0
    return found if _dumped(trees[0]) == _dumped(trees[1]) else {}


def _trees(old: str, new: str) -> tuple[ast.Module, ast.Module] | None:
    try:
        return ast.parse(old), ast.parse(new)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dumped(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                first.value.value = ""
    try:
        return ast.dump(tree)
    except RecursionError:
        return f"{id(tree)}"


def _seeds(tree: ast.Module) -> Iterator[tuple[str, ast.Constant]]:
    """The constants that are seeds, each with its name: assigned to one, or given to what wants one."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=ast.Constant() as found):
                if is_seed(name):
                    yield name, found
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant() as found):
                if is_seed(name):
                    yield name, found
            case ast.keyword(arg=str(name), value=ast.Constant() as found):
                if is_seed(name):
                    yield name, found
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant() as found, *_]):
                if name in _SEED_CALLS:
                    yield f"{name}()", found
            case _:
                pass


def _lines(text: str, mark: str) -> list[str]:
    kept = [line.rstrip() for line in text.splitlines()]
    first = kept[:1] if kept and kept[0].startswith("#!") else []
    return [*first, *(line for line in kept if line.strip() and not line.lstrip().startswith(mark))]
