"""How models are named."""

from __future__ import annotations

import pytest

from madang.domain.model_uris import ModelUri, parse
from madang.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "name", "ref", "is_fixed"),
    [
        ("가격", "가격", "가격@latest", False),
        ("가격:v3", "가격", "가격:v3", True),
        ("가격@Champion", "가격", "가격@champion", False),
        ("가격/3", "가격", "가격:v3", True),
        ("team/가격/Production", "team/가격", "team/가격@production", False),
        ("models:/가격/latest", "가격", "가격@latest", False),
        ("models:/가격@a", "가격", "가격@a", False),
        ("team/가격", "team/가격", "team/가격@latest", False),
    ],
)
def test_versions(text: str, name: str, ref: str, is_fixed: bool) -> None:
    """A version is named by number, alias or stage, as we do or as MLflow does."""
    assert parse(text) == ModelUri(name, ref, is_fixed=is_fixed)


def test_others() -> None:
    """Files of a run, a logged model and a digest; what leads out of a run is refused."""
    assert parse("runs:/abc/models/m") == ModelUri(run="abc", path="models/m")
    assert parse(f"models:/m-{'0a' * 16}") == ModelUri(run="0a" * 16)
    assert parse("blake3:0123456789ab") == ModelUri(digest="blake3:0123456789ab")
    for wrong in ("runs:/abc", "runs:/abc/../x", "", "a@", "runs:/"):
        with pytest.raises(InvalidInput):
            parse(wrong)
