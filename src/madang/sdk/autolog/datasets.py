"""Training data that is in memory: its name, digest and shape, as an input of the run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from madang.formats import segment as codec
from madang.sdk.autolog.training import recording

if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.run import Run

_HASHED = 64 << 20  # bytes of an array that the digest covers; of more, its beginning and its end
_CONTEXT = "mlflow.data.context"


def log_dataset(run: Run, features: Any, targets: Any = None, context: str = "train", name: str = "dataset") -> None:
    """Record arrays, sparse matrices or DataFrames as a data set that the run read; other data is left out."""
    with recording(run, f"the data set of this {context}"):
        if not hasattr(features, "shape"):
            return
        digest = hashlib.md5(usedforsecurity=False)
        profile: dict[str, Any] = {}
        for part, data in (("features", features), ("targets", targets)):
            if data is None or not hasattr(data, "shape"):
                continue
            array = _array(data)
            digest.update(f"{part}{data.shape}{array.dtype}".encode())
            for piece in _pieces(array):
                digest.update(piece)
            profile |= {
                f"{part}_shape": [int(side) for side in data.shape],
                f"{part}_size": int(array.size),
                f"{part}_nbytes": int(array.nbytes),
            }
        body = {
            "name": name,
            "digest": digest.hexdigest()[:8],
            "source_type": "code",
            "source": "{}",
            "schema": json.dumps(_schema(features), ensure_ascii=False),
            "profile": json.dumps(profile),
            "tags": {_CONTEXT: context},
        }
        run.append(codec.DATASET, body)


def _array(data: Any) -> Any:
    import numpy

    if hasattr(data, "tocsr"):  # a sparse matrix: its values are what there is
        return data.tocsr().data
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return data.to_numpy()
    return numpy.asarray(data)


def _pieces(array: Any) -> list[Any]:
    import numpy

    if array.dtype == object:
        return [repr(array[:10_000].tolist()).encode("utf-8", "surrogatepass")]
    flat = numpy.ascontiguousarray(array).view(numpy.uint8).reshape(-1) if array.size else array
    if array.nbytes <= _HASHED:
        return [flat.data if array.size else b""]
    half = _HASHED // 2
    return [flat[:half].data, flat[-half:].data]


def _schema(data: Any) -> dict[str, Any]:
    columns = getattr(data, "columns", None)
    if columns is None:
        return {"shape": [int(side) for side in data.shape], "dtype": str(data.dtype)}
    return {"columns": {str(name): str(kind) for name, kind in zip(columns, data.dtypes, strict=False)}}
