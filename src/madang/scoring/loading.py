"""Models from folders in the MLmodel layout: safe formats first, pickle only when asked for by name.

The modules of this package run wherever a model runs, also in an environment made for it in which madang is not
installed: they import the standard library, what the model needs, and of madang only what does the same.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from typing import Any

from madang.errors import CorruptData, InvalidInput, NotFound, Refused

FLAG = (
    "Pass allow_pickle=True (--allow-pickle on a command line) if you trust it: "
    "loading it runs whatever code its author put into it."
)
KERAS_FOLDER, KERAS_FILE = "data", "data/model.keras"
# Types of scikit-learn, NumPy and LightGBM that skops does not trust by itself: plain classes that hold numbers.
TRUSTED = re.compile(
    r"(sklearn(\.\w+)+\._?[A-Z]\w*|numpy\.dtype|numpy\.random\._\w+\.[A-Z]\w*|numpy\.random\._pickle\.\w+"
    r"|collections\.OrderedDict|lightgbm\.basic\.Booster|lightgbm\.sklearn\.LGBM(Model|Classifier|Regressor|Ranker))\Z"
)


def load(folder: str, flavors: Mapping[str, dict[str, Any]], *, allow_pickle: bool = False) -> Any:
    """Load the model in a folder whose `MLmodel` file names these flavors.

    PyTorch weights come as a state dict.

    Raises:
        NotFound: none of the flavors can be loaded here, or a file is missing.
        Refused: loading could run code of the model's author, and ``allow_pickle`` is false.
        InvalidInput: a package is missing.
        CorruptData: the description contradicts the files.
    """
    for name, loader in _LOADERS.items():
        if name in flavors:
            return loader(folder, flavors[name], allow_pickle)
    raise NotFound(f"The model in {folder} has the flavors {', '.join(flavors)}; none of them can be loaded here.")


def needed(module: str, package: str, what: str = "Loading this model") -> Any:
    """A module that a model needs.

    Raises:
        InvalidInput: its package is not installed.
    """
    try:
        return __import__(module, fromlist=("_",))
    except ImportError as error:
        raise InvalidInput(
            f"{what} safely needs the package {package}.", hint=f"Run `pip install {package}`."
        ) from error


def inside(folder: str, flavor: dict[str, Any], *keys: str) -> str:
    """The path of a model's file, which must lie in its folder."""
    named = next((flavor[key] for key in keys if isinstance(flavor.get(key), str)), "")
    path = os.path.realpath(os.path.join(folder, named))
    if not named or not path.startswith(os.path.realpath(folder) + os.sep) or not os.path.exists(path):
        raise NotFound(f"The file {named!r} of the model in {folder} is not there.")
    return path


def _load_sklearn(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    path = inside(folder, flavor, "pickled_model")
    if flavor.get("serialization_format") != "skops":
        return _unpickle(path, allow_pickle)
    return _load_skops(path, allow_pickle)


def _load_skops(path: str, allow_pickle: bool) -> Any:
    skops = needed("skops.io", "skops")
    foreign = skops.get_untrusted_types(file=path)
    unknown = [name for name in foreign if not TRUSTED.match(name)]
    if unknown and not allow_pickle:
        raise Refused(f"{path} holds types that are not known to be safe: {', '.join(unknown[:5])}.", hint=FLAG)
    return skops.load(path, trusted=foreign)


def _unpickle(path: str, allow_pickle: bool) -> Any:
    if not allow_pickle:
        raise Refused(f"{path} is a pickle.", hint=FLAG)
    with open(path, "rb") as file:
        return pickle.load(file)  # noqa: S301 - the caller has said so by name


def _load_torch(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    state = needed("safetensors.torch", "safetensors").load_file(inside(folder, flavor, "data"))
    shared = flavor.get("shared")
    for key, first in (shared if isinstance(shared, dict) else {}).items():
        if first not in state:
            raise CorruptData(f"The model in {folder} says that {key!r} is {first!r}, which it does not hold.")
        state[key] = state[first]
    return state


def _load_xgboost(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    xgboost = needed("xgboost", "xgboost")
    kind = str(flavor.get("model_class", "")).rpartition(".")[2]
    model = getattr(xgboost, kind if kind.startswith("XGB") else "Booster")()
    model.load_model(inside(folder, flavor, "data"))
    return model


def _load_lightgbm(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    path = inside(folder, flavor, "data")
    if path.endswith(".pkl"):
        return _unpickle(path, allow_pickle)
    lightgbm = needed("lightgbm", "lightgbm")
    return _load_skops(path, allow_pickle) if path.endswith(".skops") else lightgbm.Booster(model_file=path)


def _load_onnx(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    return needed("onnx", "onnx").load(inside(folder, flavor, "data"))


def _load_keras(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    if not allow_pickle:
        raise Refused(f"The Keras model in {folder} may name code that runs when it is loaded.", hint=FLAG)
    path = inside(folder, {"data": KERAS_FILE}, "data")
    if isinstance(flavor.get("keras_backend"), str):
        os.environ.setdefault("KERAS_BACKEND", flavor["keras_backend"])
    saving = needed("keras.saving", "keras")
    try:
        return saving.load_model(path, safe_mode=False)
    except (TypeError, ValueError, ImportError) as error:
        raise InvalidInput(
            f"Keras cannot load the model in {folder}: {error!s:.500}.", hint="Import the classes that it is made of."
        ) from error


def _load_pickle(folder: str, flavor: dict[str, Any], allow_pickle: bool) -> Any:
    return _unpickle(inside(folder, flavor, "data"), allow_pickle)


_LOADERS = {
    "sklearn": _load_sklearn,
    "madang_torch": _load_torch,
    "xgboost": _load_xgboost,
    "lightgbm": _load_lightgbm,
    "onnx": _load_onnx,
    "keras": _load_keras,
    "madang_pickle": _load_pickle,
}
