"""Names and references of versions: one canonical form, and nothing that leads out of a tree."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.versions import Ref, check_name, check_path, check_tree, parse_ref
from madang.errors import InvalidInput

HOSTILE_PATHS = [
    "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "..", "", "a\x00b", "..\\x", "C:\\x", "\\\\host\\share",
    "a/..", "a/", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_hostile_paths_are_refused(path: str) -> None:
    """A path that could leave its tree, or is not one, is refused."""
    with pytest.raises(InvalidInput):
        check_path(path)


@pytest.mark.parametrize("path", ["a", "폴더/파일 이름.csv", "a/b/c.txt", "..a/b..", "%2e%2e/x", "a;b#c?d"])
def test_ordinary_paths_pass(path: str) -> None:
    """A relative path passes as it is; signs that only look dangerous are just text."""
    assert check_path(path) == path


@given(st.lists(st.lists(st.sampled_from(["a", "b", "a!", "a.b"]), min_size=1, max_size=4).map("/".join), unique=True))
def test_no_file_is_a_folder(paths: list[str]) -> None:
    """Paths are refused together exactly when one of them is the folder of another."""
    clash = any(other.startswith(f"{path}/") for path in paths for other in paths)
    try:
        check_tree(paths)
    except InvalidInput:
        assert clash
    else:
        assert not clash


@given(st.text(max_size=300))
def test_a_name_has_one_form(text: str) -> None:
    """Whatever is accepted is NFC, has no blanks at its ends, and is accepted again unchanged."""
    try:
        name = check_name(text)
    except InvalidInput:
        return
    assert name == unicodedata.normalize("NFC", name) == name.strip()
    assert check_name(name) == name
    assert check_name(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wine", Ref("wine")),
        ("wine:v3", Ref("wine", 3, "")),
        ("wine:latest", Ref("wine", None, "latest")),
        ("wine@production", Ref("wine", None, "production")),
        ("팀/wine model@Production", Ref("팀/wine model", None, "production")),
        ("wine:v", Ref("wine", None, "v")),
    ],
)
def test_references(text: str, expected: Ref) -> None:
    """A reference names a collection with a number or an alias, `latest` when it says neither."""
    assert parse_ref(text) == expected


@pytest.mark.parametrize("text", ["", ":v1", "@production", "a:", "a@", "a:b:c", "../a", "/a", "a\\b", "a\nb"])
def test_bad_references(text: str) -> None:
    """What is not a reference is refused with a named error."""
    with pytest.raises(InvalidInput):
        parse_ref(text)
