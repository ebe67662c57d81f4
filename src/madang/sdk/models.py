"""Models as folders in the MLmodel layout: safe formats first, pickle only when asked for by name."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from madang.domain.versions import check_name
from madang.errors import InvalidInput, NotFound, Refused
from madang.formats import mlmodel
from madang.formats import store as layout
from madang.scoring import loading
from madang.sdk import artifacts, blobs, examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from madang.sdk.artifacts import LoggedVersion
    from madang.sdk.run import Run


def log_model(
    run: Run,
    model: Any,
    name: str,
    aliases: Iterable[str],
    *,
    allow_pickle: bool,
    metadata: Mapping[str, Any] | None,
    input_example: Any = None,
    signature: Any = None,
) -> LoggedVersion:
    """Write a model in the MLmodel layout and record it as a version of type model.

    An example that cannot be used is one line on standard error: the model is worth more.

    Raises:
        Refused: only a pickle could hold the model, and ``allow_pickle`` is false.
        NotFound: the model is a path, and nothing is there.
        InvalidInput: the signature is none.
        StorageError: the disk refused.
    """
    name = check_name(name)
    if isinstance(model, (str, os.PathLike)):
        return artifacts.log_artifact(run, model, name, "model", aliases, metadata=metadata)
    if run.mode == "disabled":
        return artifacts.LoggedVersion(name, "model", 0, 0)
    with tempfile.TemporaryDirectory(prefix="madang-model-") as folder:
        save(
            model,
            folder,
            run=run.id,
            allow_pickle=allow_pickle,
            metadata=metadata,
            input_example=input_example,
            signature=signature,
        )
        entries = blobs.put_tree(run.places.store, folder)
    return artifacts.write_version(run, name, "model", entries, aliases, metadata=metadata)


def save(
    model: Any,
    folder: str,
    *,
    run: str = "",
    allow_pickle: bool = False,
    metadata: Mapping[str, Any] | None = None,
    input_example: Any = None,
    signature: Any = None,
) -> None:
    """Write a model into an empty folder, in the MLmodel layout. Raises and tells as `log_model`."""
    by = signature if isinstance(signature, examples.ByExample) else None
    declared = None if by else examples.declared(signature)
    flavors, packages = _write(model, folder, allow_pickle)
    if "python_function" in flavors:
        flavors["python_function"] |= {
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "python_version": platform.python_version(),
        }
    _write_environment(folder, packages)
    extra: dict[str, Any] = {"signature": declared} if declared else {}
    is_ours = "keras" in flavors  # what its file names has run in this process already
    if input_example is not None:
        try:
            extra = examples.write(folder, flavors, input_example, declared, allow_pickle=allow_pickle or is_ours)
        except InvalidInput as error:
            sys.stderr.write(f"madang: the model is recorded without its input example: {error}\n")
    if by is not None:
        try:
            extra = {"signature": examples.inferred(folder, flavors, by, allow_pickle=allow_pickle or is_ours)}
        except InvalidInput as error:
            sys.stderr.write(f"madang: the model is recorded without a signature: {error}\n")
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in blobs.files_below(folder))
    described = mlmodel.MLmodel(
        flavors=flavors,
        uuid=uuid.uuid4().hex,
        created=time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime()),
        run=run,
        size=size,
        metadata=dict(metadata or {}),
        extra=extra,
    )
    with open(os.path.join(folder, mlmodel.FILE), "w", encoding="utf-8") as file:
        file.write(mlmodel.dump(described))


_NOT_HELD = (TypeError, ValueError, AttributeError, ImportError, RecursionError)  # what skops raises
_Written = tuple[dict[str, dict[str, Any]], list[str]]  # flavors, and the packages that loading needs


def _write(model: Any, folder: str, allow_pickle: bool) -> _Written:
    """Write the model's own files."""
    bases = {f"{base.__module__.split('.')[0]}.{base.__name__}" for base in type(model).__mro__}
    if "keras.Model" in bases:  # before PyTorch, which may be what it computes with
        return _write_keras(model, folder)
    if "torch.Module" in bases or _is_state_dict(model):
        return _write_torch(model, folder, allow_pickle)
    if bases & {"xgboost.XGBModel", "xgboost.Booster"}:
        model.save_model(os.path.join(folder, "model.ubj"))
        facts: dict[str, Any] = {
            "model_class": _class_of(model),
            "model_format": "ubj",
            "xgb_version": _version("xgboost"),
        }
        return _native("xgboost", "model.ubj", facts, ["xgboost"])
    if bases & {"lightgbm.Booster", "lightgbm.LGBMModel"}:
        return _write_lightgbm(model, folder)
    if "onnx.ModelProto" in bases:
        with open(os.path.join(folder, "model.onnx"), "wb") as file:
            file.write(model.SerializeToString())
        facts = {"onnx_version": _version("onnx"), "providers": ["CPUExecutionProvider"]}
        return _native("onnx", "model.onnx", facts, ["onnx", "onnxruntime"])
    if "sklearn.BaseEstimator" in bases:
        return _write_sklearn(model, folder, allow_pickle)
    return _write_pickle(model, folder, allow_pickle)


def _native(flavor: str, file: str, facts: dict[str, Any], packages: list[str]) -> _Written:
    pyfunc = {"loader_module": f"mlflow.{flavor}", "data": file}
    return {"python_function": pyfunc, flavor: {"data": file, **facts}}, packages


def _write_lightgbm(model: Any, folder: str) -> _Written:
    """An estimator by skops, as MLflow has it: a booster alone knows no labels. Else the booster, which is safe too."""
    booster = getattr(model, "booster_", model)
    types = _dumped(model, os.path.join(folder, "model.skops")) if booster is not model else None
    facts: dict[str, Any] = {"model_class": "lightgbm.basic.Booster", "lgb_version": _version("lightgbm")}
    if types is None:
        booster.save_model(os.path.join(folder, "model.lgb"))
        return _native("lightgbm", "model.lgb", facts, ["lightgbm"])
    facts |= {"model_class": _class_of(model), "serialization_format": "skops", "skops_trusted_types": types}
    return _native("lightgbm", "model.skops", facts, ["lightgbm", "scikit-learn", "skops"])


def _dumped(model: Any, path: str) -> list[str] | None:
    """Write a skops file: the types in it that its loader asks about. None, and no file, where it would not be safe."""
    try:
        skops = loading.needed("skops.io", "skops")
        skops.dump(model, path)
        foreign = list(skops.get_untrusted_types(file=path))
        if all(loading.TRUSTED.match(name) for name in foreign):
            return foreign
    except (InvalidInput, *_NOT_HELD):
        pass
    with suppress(FileNotFoundError):
        os.unlink(path)
    return None


def _is_state_dict(model: Any) -> bool:
    return (
        isinstance(model, dict)
        and bool(model)
        and all(type(value).__module__.startswith("torch") for value in model.values())
    )


def _write_torch(model: Any, folder: str, allow_pickle: bool) -> _Written:
    """The weights as safetensors; the class that takes them is code, and code is in the repository."""
    state = model if isinstance(model, dict) else weights_of(model)
    odd = [str(key) for key, tensor in state.items() if not (isinstance(key, str) and _is_dense(tensor))]
    if odd:
        if allow_pickle:
            return _write_pickle(model, folder, allow_pickle)
        raise Refused(
            f"The weights {', '.join(odd[:5])} of this {type(model).__name__} are no dense tensors with a name.",
            hint=loading.FLAG,
        )
    save_file = loading.needed("safetensors.torch", "safetensors", "Logging this model").save_file
    first: dict[Any, str] = {}
    tensors: dict[str, Any] = {}
    shared: dict[str, str] = {}
    for key, tensor in state.items():  # tied weights are stored once
        same = first.setdefault((tensor.data_ptr(), tuple(tensor.shape), tensor.stride()), key)
        if same == key or not tensor.data_ptr():
            tensors[key] = tensor.detach().cpu().contiguous().clone()
        else:
            shared[key] = same
    save_file(tensors, os.path.join(folder, "model.safetensors"))
    flavor = {
        "data": "model.safetensors",
        "model_class": _class_of(_unwrapped(model)),
        "shared": shared,
        "torch_version": _version("torch"),
    }
    return {"madang_torch": flavor}, ["torch", "safetensors"]


def weights_of(model: Any) -> dict[Any, Any]:
    """The state of a PyTorch module under the names that the module itself loads.

    `DataParallel`, `DistributedDataParallel` and `torch.compile` are taken off, also from modules inside the model.
    """
    inner = _unwrapped(model)
    return {_plain_key(key): tensor for key, tensor in inner.state_dict().items()}


def _unwrapped(model: Any) -> Any:
    while True:
        names = {base.__name__ for base in type(model).__mro__ if base.__module__.startswith("torch.")}
        if "OptimizedModule" in names:
            model = model._orig_mod
        elif names & {"DataParallel", "DistributedDataParallel"}:
            model = model.module
        else:
            return model


def _plain_key(key: Any) -> Any:
    return key.replace("_orig_mod.", "") if isinstance(key, str) else key


def _is_dense(tensor: Any) -> bool:
    """Whether safetensors can hold it: not sparse, not quantized, not without data (`meta`)."""
    return (
        hasattr(tensor, "data_ptr")
        and str(getattr(tensor, "layout", "")) == "torch.strided"
        and not getattr(tensor, "is_meta", False)
        and not getattr(tensor, "is_quantized", False)
    )


def _write_keras(model: Any, folder: str) -> _Written:
    """Keras's own file, as MLflow has it. To write it runs no code; it may name code that runs when it is loaded."""
    keras = sys.modules["keras"]
    data = os.path.join(folder, loading.KERAS_FOLDER)
    os.mkdir(data)
    with open(os.path.join(data, "keras_module.txt"), "w", encoding="ascii") as file:
        file.write("keras")
    try:
        model.save(os.path.join(folder, loading.KERAS_FILE))
    except (*_NOT_HELD, NotImplementedError) as error:
        raise InvalidInput(f"Keras cannot save this {type(model).__name__}: {error!s:.500}.") from error
    backend = keras.backend.backend()
    flavor = {
        "data": loading.KERAS_FOLDER,
        "keras_version": _version("keras"),
        "keras_backend": backend,
        "save_exported_model": False,
    }
    return {"python_function": {"loader_module": "mlflow.keras"}, "keras": flavor}, ["keras", backend]


def _write_sklearn(model: Any, folder: str, allow_pickle: bool) -> _Written:
    skops = loading.needed("skops.io", "skops", "Logging this model")
    path = os.path.join(folder, "model.skops")
    try:
        skops.dump(model, path)
        foreign = skops.get_untrusted_types(file=path)
    except _NOT_HELD as error:
        if not allow_pickle:
            raise Refused(f"skops cannot hold this {type(model).__name__}: {error}.", hint=loading.FLAG) from error
        if os.path.exists(path):
            os.unlink(path)
        return _write_pickle(model, folder, allow_pickle)
    unknown = [name for name in foreign if not loading.TRUSTED.match(name)]
    if unknown and not allow_pickle:
        raise Refused(
            f"This {type(model).__name__} holds types that cannot be loaded safely: {', '.join(unknown[:5])}.",
            hint=loading.FLAG,
        )
    flavor = {
        "pickled_model": "model.skops",
        "serialization_format": "skops",
        "skops_trusted_types": list(foreign),
        "sklearn_version": _version("sklearn"),
        "code": None,
    }
    pyfunc = {"loader_module": "mlflow.sklearn", "model_path": "model.skops", "predict_fn": "predict"}
    inside = ["lightgbm"] if any(name.startswith("lightgbm.") for name in foreign) else []
    return {"python_function": pyfunc, "sklearn": flavor}, ["scikit-learn", "skops", *inside]


def _write_pickle(model: Any, folder: str, allow_pickle: bool) -> _Written:
    if not allow_pickle:
        message = f"There is no safe format for a {_class_of(model)}; only pickle could hold it."
        raise Refused(message, hint=loading.FLAG)
    pickler: Any = sys.modules.get("cloudpickle") or __import__("pickle")
    with open(os.path.join(folder, "model.pkl"), "wb") as file:
        pickler.dump(model, file)
    how = pickler.__name__
    if hasattr(model, "fit") and hasattr(model, "predict") and "sklearn" in sys.modules:
        flavor = {
            "pickled_model": "model.pkl",
            "serialization_format": how,
            "sklearn_version": _version("sklearn"),
            "code": None,
        }
        pyfunc = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl", "predict_fn": "predict"}
        return {"python_function": pyfunc, "sklearn": flavor}, ["scikit-learn", *([how] if how != "pickle" else [])]
    return {"madang_pickle": {"data": "model.pkl", "serialization_format": how, "model_class": _class_of(model)}}, []


def _class_of(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _version(module: str) -> str:
    return str(getattr(sys.modules.get(module), "__version__", ""))


def _write_environment(folder: str, packages: list[str]) -> None:
    """The files by which MLflow rebuilds a place to score in."""
    from importlib.metadata import PackageNotFoundError, version

    lines = []
    for package in packages:
        try:
            lines.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            lines.append(package)
    python = platform.python_version()
    files = {
        "requirements.txt": "".join(line + "\n" for line in lines),
        "python_env.yaml": f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n",
        "conda.yaml": f"channels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n"
        + "".join(f"  - {line}\n" for line in ["mlflow", *lines])
        + "name: mlflow-env\n",
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def load_model(ref: str | os.PathLike[str], allow_pickle: bool = False, *, project: str = "") -> Any:
    """Load a model by ``name``, ``name:v3``, ``name@production``, or from a folder in the MLmodel layout.

    PyTorch weights come as a state dict: pass it to ``load_state_dict`` of your module. Without ``project`` and
    MADANG_PROJECT it is looked for in the project named after the repository, then in all others.

    Raises:
        NotFound: there is no such model.
        Conflict: several other projects have one of this name.
        Refused: loading could run code of the model's author, and ``allow_pickle`` is false.
        CorruptData: the folder is not a model.
    """
    text = os.fspath(ref)
    if os.path.isfile(os.path.join(text, mlmodel.FILE)):
        return load(text, allow_pickle=allow_pickle)
    from madang.sdk.checkout import project_here, version_files

    here = layout.find_store()
    layout.ensure(here.store)
    named = project or os.environ.get("MADANG_PROJECT", "")
    path, _ = version_files(named or project_here(here.root), text, here.store, anywhere=not named)
    return load(path, allow_pickle=allow_pickle)


def load(folder: str, *, allow_pickle: bool = False) -> Any:
    """Load a model from a folder in the MLmodel layout.

    Raises:
        NotFound: there is no `MLmodel` file, or no flavor in it that this release can load.
        Refused: see `load_model`.
    """
    path = os.path.join(folder, mlmodel.FILE)
    try:
        with open(path, encoding="utf-8") as file:
            flavors = mlmodel.load(file.read(mlmodel.MAX_BYTES + 1), path).flavors
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{folder} holds no model: no readable file {mlmodel.FILE}.") from error
    return loading.load(folder, flavors, allow_pickle=allow_pickle)
