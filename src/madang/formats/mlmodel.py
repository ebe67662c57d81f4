"""The MLmodel layout: a model is a folder with a YAML file `MLmodel` that names its flavors, as MLflow writes it.

Source of the format: MLflow's documentation, "MLflow Models" (https://mlflow.org/docs/latest/ml/model/). MLflow's own
loaders and ours read the same folder. Flavors that only madang knows have names beginning with ``madang``.
"""

from __future__ import annotations

from dataclasses import field
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from madang.domain.values import value
from madang.errors import CorruptData

FILE = "MLmodel"
MAX_BYTES = 4 << 20


@value
class MLmodel:
    """The description of a model. Fields that are not known here are kept in ``extra``."""

    flavors: dict[str, dict[str, Any]]
    uuid: str = ""
    created: str = ""  # "2026-01-02 03:04:05.678901", UTC
    run: str = ""
    size: int = 0  # bytes of the model's files
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


_FIELDS = {
    "flavors": "flavors",
    "model_uuid": "uuid",
    "utc_time_created": "created",
    "run_id": "run",
    "model_size_bytes": "size",
    "metadata": "metadata",
}


def dump(model: MLmodel) -> str:
    """The text of the `MLmodel` file, keys in alphabetical order as MLflow writes them."""
    body: dict[str, Any] = dict(model.extra)
    for key, name in _FIELDS.items():
        value = getattr(model, name)
        if value or key == "flavors":
            body[key] = value
    body.setdefault("artifact_path", "model")
    text = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(dict(sorted(body.items())), text)
    return text.getvalue()


def load(text: str, path: str = FILE) -> MLmodel:
    """Read an `MLmodel` file; ``path`` is for messages.

    Raises:
        CorruptData: it is not YAML, or has no flavors.
    """
    if len(text) > MAX_BYTES:
        raise CorruptData(f"{path} is too large for the description of a model.")
    try:
        body = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise CorruptData(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    flavors = body.get("flavors") if isinstance(body, dict) else None
    if not isinstance(flavors, dict) or not all(isinstance(value, dict) for value in flavors.values()):
        raise CorruptData(f"{path} names no flavors.", hint="Log the model again, or give its folder as an artifact.")
    size = body.get("model_size_bytes")
    metadata = body.get("metadata")
    return MLmodel(
        flavors={str(name): value for name, value in flavors.items()},
        uuid=str(body.get("model_uuid") or ""),
        created=str(body.get("utc_time_created") or ""),
        run=str(body.get("run_id") or ""),
        size=size if isinstance(size, int) else 0,
        metadata=metadata if isinstance(metadata, dict) else {},
        extra={str(key): value for key, value in body.items() if key not in _FIELDS},
    )
