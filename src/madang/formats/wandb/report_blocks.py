"""The blocks of reports in the form of docs/formats/native-api.md (Reports): a specification of W&B, read as it is.

Whatever a report holds, this gives blocks of known shapes: a part that makes no sense is left out, a block that is not
known is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from madang.formats.wandb.report_panels import panel
from madang.formats.wandb.report_runs import RunSet, mapping, mappings, run_set, text

Block: TypeAlias = dict[str, Any]
Span: TypeAlias = dict[str, Any]
_STYLES = {"bold": "bold", "italic": "italic", "underline": "underline", "strikethrough": "strikethrough",
           "inlineCode": "code"}  # fmt: skip
_HIDDEN = "Hidden Panels"
_DEEPEST = 20
_LONGEST = 2000  # characters of what is readable in an unknown block


def blocks(spec: Any) -> list[Block]:
    """The blocks of a report. Those of type ``panels`` hold `RunSet` values, for the caller to look up."""
    found = mappings(mapping(spec).get("blocks"))
    made = [_block(item, 0) for item in found]
    for end in (0, -1):  # editors need an empty line at both ends
        if made and made[end] == {"type": "paragraph", "text": []}:
            made.pop(end)
    return made


def width(spec: Any) -> str:
    """How wide a report is shown."""
    said = mapping(spec).get("width")
    return said if said in ("readable", "fixed", "fluid") else "readable"


def _block(said: Mapping[str, Any], depth: int) -> Block:
    kind = text(said.get("type"))
    made = _KINDS.get(kind)
    if made is None or depth > _DEEPEST:
        return {"type": "unknown", "name": kind, "text": "".join(_readable(said, 0))[:_LONGEST]}
    return made(said, depth)


def _readable(said: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(said, dict):
        yield text(said.get("text"))
        yield from _readable(said.get("children"), depth + 1)
    elif isinstance(said, list):
        for item in said:
            yield from _readable(item, depth + 1)


def spans(said: Any, link: str = "", depth: int = 0) -> list[Span]:
    """Pieces of a line; those without text are left out."""
    made: list[Span] = []
    for item in mappings(said):
        kind = item.get("type")
        if kind == "latex":
            made.append({"text": text(item.get("content")), "style": ["latex"], "link": link})
        elif isinstance(item.get("children"), list) and depth < _DEEPEST:
            made += spans(item["children"], text(item.get("url")) if kind == "link" else link, depth + 1)
        else:
            style = [word for name, word in _STYLES.items() if item.get(name) is True]
            made.append({"text": text(item.get("text")), "style": style, "link": link})
    return [span for span in made if span["text"]]


def _heading(said: Mapping[str, Any], depth: int) -> Block:
    level = said.get("level")
    inner = [_block(item, depth + 1) for item in mappings(said.get("collapsedChildren"))]
    return {
        "type": "heading",
        "level": min(max(level, 1), 3) if type(level) is int else 1,
        "text": spans(said.get("children")),
        "blocks": inner,
    }


def _list(said: Mapping[str, Any], depth: int) -> Block:
    items = mappings(said.get("children"))
    ordered = said.get("ordered") is True or any(item.get("ordered") is True for item in items)
    return {"type": "list", "is_ordered": ordered, "items": [_item(item, depth) for item in items]}


def _item(said: Mapping[str, Any], depth: int) -> dict[str, Any]:
    inner = mappings(said.get("children"))
    lists = [item for item in inner if item.get("type") == "list"] if depth < _DEEPEST else []
    checked = said.get("checked")
    return {
        "text": spans([item for item in inner if item.get("type") != "list"]),
        "checked": checked if isinstance(checked, bool) else None,
        "list": _list(lists[0], depth + 1) if lists else None,
    }


def _code(said: Mapping[str, Any], _: int) -> Block:
    lines = ["".join(_readable(line.get("children"), 0)) for line in mappings(said.get("children"))]
    return {"type": "code", "language": text(said.get("language")), "text": "\n".join(lines)}


def _image(said: Mapping[str, Any], _: int) -> Block:
    caption = spans(said.get("children")) if said.get("hasCaption") is not False else []
    return {"type": "image", "url": text(said.get("url")), "caption": caption}


def _gallery(said: Mapping[str, Any], _: int) -> Block:
    links = [
        {
            "url": text(item.get("url")),
            "title": text(item.get("title")),
            "description": text(item.get("description")),
            "image": text(item.get("imageURL")),
        }
        for item in mappings(said.get("links"))
        if item.get("type") == "url"
    ]
    return {"type": "gallery", "links": links}


def _panels(said: Mapping[str, Any], _: int) -> Block:
    about = mapping(said.get("metadata"))
    colors = mapping(about.get("customRunColors"))
    sets: list[RunSet] = [run_set(item, colors) for item in mappings(about.get("runSets")) if item.get("enabled", True)]
    shown = mappings(mapping(about.get("panelBankSectionConfig")).get("panels"))
    for section in mappings(mapping(about.get("panelBankConfig")).get("sections")):
        if section.get("name") != _HIDDEN:
            shown = [*shown, *mappings(section.get("panels"))]
    return {
        "type": "panels",
        "run_sets": sets,
        "panels": [panel(item) for item in shown],
        "is_open": about.get("openRunSet") is not None,
        "hides_run_sets": about.get("hideRunSets") is True,
    }


_Made: TypeAlias = Callable[[Mapping[str, Any], int], Block]


def _lines(kind: str) -> _Made:
    return lambda said, _: {"type": kind, "text": spans(said.get("children"))}


def _content(kind: str) -> _Made:
    return lambda said, _: {"type": kind, "text": text(said.get("content"))}


_KINDS: dict[str, _Made] = {
    "heading": _heading,
    "paragraph": _lines("paragraph"),
    "default": _lines("paragraph"),
    "block-quote": _lines("quote"),
    "callout-block": lambda said, _: {
        "type": "callout",
        "lines": [spans(line.get("children")) for line in mappings(said.get("children"))],
    },
    "list": _list,
    "code-block": _code,
    "markdown-block": _content("markdown"),
    "latex": _content("latex"),
    "image": _image,
    "video": lambda said, _: {"type": "video", "url": text(said.get("url"))},
    "horizontal-rule": lambda *_: {"type": "rule"},
    "table-of-contents": lambda *_: {"type": "contents"},
    "gallery": _gallery,
    "panel-grid": _panels,
}
