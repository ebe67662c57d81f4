"""Images, figures, tables, texts, pages, histograms and confusion matrices: files of the run, and pointers at steps."""

from __future__ import annotations

import io
import math
import os
from typing import TYPE_CHECKING, Any

from madang.domain import redact
from madang.errors import InvalidInput, NotFound
from madang.formats import segment as codec
from madang.sdk import blobs
from madang.sdk.config import plain
from madang.sdk.describe import listed, whole_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from madang.sdk.run import Run

_MIMES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".svg": "image/svg+xml", ".bmp": "image/bmp", ".txt": "text/plain", ".md": "text/markdown", ".html": "text/html",
    ".json": "application/json", ".csv": "text/csv",
}  # fmt: skip
_CLASSES = 1000


def log_image(run: Run, key: str, image: Any, step: int | None, caption: str) -> None:
    """Record an image: a path, pixels, a Pillow image or a matplotlib figure."""
    facts: dict[str, Any] = {"caption": caption} if caption else {}
    if isinstance(image, (str, os.PathLike)):
        _log_file(run, key, "image", os.fspath(image), step, facts)
        return
    if hasattr(image, "savefig"):
        log_figure(run, key, image, step)
        return
    if hasattr(image, "save") and hasattr(image, "mode"):  # Pillow
        target = io.BytesIO()
        (image if image.mode in ("L", "LA", "RGB", "RGBA", "P", "1", "I") else image.convert("RGB")).save(target, "PNG")
        body, (width, height) = target.getvalue(), image.size
    else:
        from madang.sdk.png import encode

        body, width, height = encode(image)
    _log_bytes(run, key, "image", body, ".png", step, {"width": width, "height": height, **facts})


def log_figure(run: Run, key: str, figure: Any, step: int | None) -> None:
    """Record a matplotlib figure as PNG, or a Plotly figure as its JSON."""
    if hasattr(figure, "savefig"):
        target = io.BytesIO()
        figure.savefig(target, format="png", bbox_inches="tight")
        _log_bytes(run, key, "image", target.getvalue(), ".png", step, {})
    elif hasattr(figure, "to_plotly_json") and hasattr(figure, "to_json"):
        _log_bytes(run, key, "plotly", str(figure.to_json()).encode(), ".json", step, {})
    else:
        raise InvalidInput(
            f"A {type(figure).__name__} is no figure.", hint="Pass a matplotlib or Plotly figure, or use log_image."
        )


def log_table(run: Run, key: str, rows: Any, columns: Sequence[str] | None, step: int | None) -> None:
    """Record a table: a DataFrame, a mapping of columns, a list of mappings, or a list of rows with ``columns``."""
    names, data = table_of(rows, columns)
    body = codec.encode_json({"columns": names, "data": data})
    _log_bytes(run, key, "table", body, ".json", step, {"rows": len(data), "columns": len(names)})


def table_of(rows: Any, columns: Sequence[str] | None) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of plain values.

    Raises:
        InvalidInput: it is no table, or a row has another length than the columns.
    """
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas, polars
        names = [str(name) for name in rows.columns]
        series = [rows[name].tolist() if hasattr(rows[name], "tolist") else list(rows[name]) for name in rows.columns]
        data = [list(row) for row in zip(*series, strict=True)]
    elif hasattr(rows, "items"):
        names = [str(name) for name in rows]
        data = [list(row) for row in _zip_columns(rows)]
    else:
        if not hasattr(rows, "__iter__"):
            raise InvalidInput(f"A {type(rows).__name__} is no table.", hint="Pass a DataFrame, columns, or rows.")
        each = list(rows)
        if each and all(hasattr(row, "items") for row in each):
            names = list(dict.fromkeys(str(name) for row in each for name in row))
            data = [[{str(name): value for name, value in row.items()}.get(name) for name in names] for row in each]
        else:
            data = [listed("cells of a row", row) for row in each]
            width = range(len(data[0]) if data else 0)
            names = [str(name) for name in (width if columns is None else listed("columns", columns))]
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise InvalidInput(f"Row {number} of the table has {len(row)} values for {len(names)} columns.")
    return names, [[plain(value) for value in row] for row in data]


def _zip_columns(columns: Mapping[Any, Iterable[Any]]) -> Iterable[tuple[Any, ...]]:
    try:
        return list(zip(*columns.values(), strict=True))
    except ValueError:
        raise InvalidInput("The columns of the table have different lengths.") from None


def log_text(run: Run, key: str, text: str, step: int | None) -> None:
    """Record a text as a file of the run."""
    _log_bytes(run, key, "text", str(text).encode("utf-8", "replace"), ".txt", step, {})


def log_html(run: Run, key: str, page: Any, step: int | None) -> None:
    """Record a page: its text, or a path to an .html file. It is shown without scripts."""
    if isinstance(page, os.PathLike) or (
        isinstance(page, str) and page.endswith((".html", ".htm")) and "<" not in page
    ):
        _log_file(run, key, "html", os.fspath(page), step, {})
        return
    _log_bytes(run, key, "html", str(page).encode("utf-8", "replace"), ".html", step, {})


def log_histogram(run: Run, key: str, values: Any, bins: int, step: int | None) -> None:
    """Record how values are distributed: numbers, or a pair (counts, edges) as `numpy.histogram` returns it."""
    if isinstance(values, tuple) and len(values) == 2 and len(values[1]) == len(values[0]) + 1:
        counts, edges = plain(list(values[0])), plain(list(values[1]))
    else:
        counts, edges = histogram_of(values, bins)
    _point(run, key, {"media": "histogram", "counts": counts, "edges": edges}, step)


def histogram_of(values: Any, bins: int) -> tuple[list[int], list[float]]:
    """Counts and edges of ``bins`` equal bins between the smallest and the largest finite value.

    Raises:
        InvalidInput: no bins, or no numbers.
    """
    if type(bins) is not int or not 1 <= bins <= 4096:
        raise InvalidInput(f"A histogram cannot have {bins} bins.", hint="Use 1 to 4096.")
    for name in ("detach", "cpu"):  # a tensor; not numpy(), which knows no bfloat16
        values = getattr(values, name, lambda same=values: same)()
    try:
        flat = map(float, values.ravel().tolist() if hasattr(values, "ravel") else values)
        finite = [value for value in flat if math.isfinite(value)]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"A histogram is of numbers, not of {type(values).__name__}: {error}.") from error
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / bins
    counts = [0] * bins
    for value in finite:
        counts[min(int((value - low) / width), bins - 1) if width else 0] += 1
    return counts, [low + width * edge for edge in range(bins)] + [high]


def log_confusion_matrix(
    run: Run, key: str, truth: Any, predicted: Any, matrix: Any, labels: Sequence[Any] | None, step: int | None
) -> None:
    """Record a confusion matrix: counted from true and predicted classes, or given; rows are the true classes."""
    if matrix is None:
        if truth is None or predicted is None:
            raise InvalidInput("A confusion matrix needs true and predicted classes, or matrix=.")
        names, counts = confusion_of(truth, predicted, labels)
    else:
        counts = [plain(listed("rows", row)) for row in listed("rows", matrix)]
        names = [str(label) for label in (range(len(counts)) if labels is None else listed("labels", labels))]
        if any(len(row) != len(counts) for row in counts) or len(names) != len(counts):
            raise InvalidInput("A confusion matrix is square, with one label for each row.")
    _point(run, key, {"media": "confusion-matrix", "labels": names, "matrix": counts}, step)


def confusion_of(truth: Any, predicted: Any, labels: Sequence[Any] | None) -> tuple[list[str], list[list[int]]]:
    """Labels and counts.

    Raises:
        InvalidInput: different lengths, an unknown label, or too many classes.
    """
    true, guess = _listed(truth), _listed(predicted)
    if len(true) != len(guess):
        raise InvalidInput(f"There are {len(true)} true and {len(guess)} predicted classes.")
    classes = set(true) | set(guess)
    labels = None if labels is None else listed("labels", labels)
    if labels is not None and all(isinstance(item, int) for item in classes) and not classes <= set(labels):
        order: list[Any] = list(range(len(labels)))  # the classes are positions in the labels
    else:
        order = list(labels) if labels is not None else sorted(classes, key=lambda item: (str(type(item)), item))
    if len(order) > _CLASSES or not classes <= set(order):
        raise InvalidInput(f"The classes do not fit the {len(order)} labels.", hint=f"At most {_CLASSES} classes.")
    place = {label: number for number, label in enumerate(order)}
    counts = [[0] * len(order) for _ in order]
    for row, column in zip(true, guess, strict=True):
        counts[place[row]][place[column]] += 1
    return [str(label) for label in (labels if labels is not None else order)], counts


def _listed(values: Any) -> list[Any]:
    listed = values.tolist() if hasattr(values, "tolist") else values
    if not hasattr(listed, "__iter__"):
        raise InvalidInput(f"Classes are a list or an array, not {type(values).__name__}.")
    return list(listed)


def _log_file(run: Run, key: str, kind: str, path: str, step: int | None, facts: dict[str, Any]) -> None:
    if not os.path.isfile(path):
        raise NotFound(f"There is no file {path!r} to log as {key!r}.", hint=f"The present folder is {os.getcwd()}.")
    if run.mode == "disabled":
        return
    ending = os.path.splitext(path)[1].lower()
    digest, size = blobs.put_file(run.places.store, path)
    _record(run, key, kind, digest, size, ending, step, facts)


def _log_bytes(
    run: Run, key: str, kind: str, body: bytes, ending: str, step: int | None, facts: dict[str, Any]
) -> None:
    if run.mode == "disabled":
        return
    digest, size = blobs.put_bytes(run.places.store, body)
    _record(run, key, kind, digest, size, ending, step, facts)


def _record(
    run: Run, key: str, kind: str, digest: str, size: int, ending: str, step: int | None, facts: dict[str, Any]
) -> None:
    at = _step(run, step)
    _check_key(key)
    path = f"media/{_safe(redact.text(key))}/{at}-{digest[7:15]}{ending}"
    mime = _MIMES.get(ending, "application/octet-stream")
    run.append(codec.FILE, {"path": path, "digest": digest, "size": size, "mime": mime})
    _point(run, key, {"media": kind, "path": path, "digest": digest, "size": size, "mime": mime, **facts}, at)


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise InvalidInput(f"The key of what is logged is a text, not {key!r:.80}.")


def _safe(key: str) -> str:
    """The key as folders of a path: no part that leads elsewhere, no part that a file system refuses."""
    parts = [
        "".join(sign if sign.isprintable() and sign not in '\\:*?"<>|' else "_" for sign in part)[:80]
        for part in key.split("/")
    ]
    return "/".join(part if part.strip(".") else "_" for part in parts if part) or "_"


def _step(run: Run, step: int | None) -> int:
    return max(run.last_step, 0) if step is None else whole_step(step)


def _point(run: Run, key: str, pointer: dict[str, Any], step: int | None) -> None:
    _check_key(key)
    run.log({key: pointer}, _step(run, step))
