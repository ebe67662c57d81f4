"""A model's single file as a folder in the MLmodel layout, told by its name's ending."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from madang.formats import mlmodel

_Flavors = dict[str, dict[str, Any]]


def description(path: str, size: int, *, run: str = "", local: str = "") -> str:
    """The `MLmodel` text for a folder that holds the file ``path`` beside it; the same bytes get the same text.

    ``local`` is where the bytes can be read now, for what a format tells of itself. A file of an unknown kind gets
    the flavor ``madang_file``: it can be fetched, not loaded.
    """
    name = os.path.basename(path)
    ending = os.path.splitext(name)[1].lower()
    make = _FLAVORS.get(ending)
    flavors = make(name, local) if make else {"madang_file": {"data": name}}
    return mlmodel.dump(mlmodel.MLmodel(flavors=flavors, run=run, size=size))


def _sklearn(name: str, local: str) -> _Flavors:
    flavor = {
        "pickled_model": name,
        "serialization_format": "skops",
        "skops_trusted_types": _skops_types(local),
        "code": None,
    }
    pyfunc = {"loader_module": "mlflow.sklearn", "model_path": name, "predict_fn": "predict"}
    return {"python_function": pyfunc, "sklearn": flavor}


def _skops_types(local: str) -> list[str]:
    """The types in a skops file that its loader asks about; empty where skops is not installed or cannot read it."""
    if not local or importlib.util.find_spec("skops") is None:
        return []
    skops = importlib.import_module("skops.io")
    try:
        return sorted(map(str, skops.get_untrusted_types(file=local)))
    except Exception:  # noqa: BLE001 - whatever a damaged or foreign file makes the library raise: it is kept all the same
        return []


def _native(flavor: str, **facts: Any) -> Any:
    def make(name: str, local: str) -> _Flavors:
        return {
            "python_function": {"loader_module": f"mlflow.{flavor}", "data": name},
            flavor: {"data": name, **facts},
        }

    return make


def _torch(name: str, local: str) -> _Flavors:
    return {"madang_torch": {"data": name, "model_class": "", "shared": {}}}


def _pickle(name: str, local: str) -> _Flavors:
    return {"madang_pickle": {"data": name, "serialization_format": "pickle", "model_class": ""}}


_FLAVORS: dict[str, Any] = {
    ".skops": _sklearn,
    ".onnx": _native("onnx", providers=["CPUExecutionProvider"]),
    ".ubj": _native("xgboost", model_class="xgboost.core.Booster", model_format="ubj"),
    ".lgb": _native("lightgbm", model_class="lightgbm.basic.Booster"),
    ".safetensors": _torch,
    ".pkl": _pickle,
    ".pickle": _pickle,
}
