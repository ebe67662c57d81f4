"""Models that score: each flavor behind one call, natively where a safe format allows it, else through MLflow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from madang.errors import InvalidInput, NotFound, Refused
from madang.scoring import loading
from madang.scoring.tables import Table

Predict = Callable[[Any, Mapping[str, Any]], Any]
"""Takes what `enforcing.enforced` gives, and parameters."""


def predictor(folder: str, flavors: Mapping[str, dict[str, Any]], *, allow_pickle: bool) -> Predict | None:
    """How the model in a folder predicts; None when only MLflow can load it, see `needs_mlflow`.

    Raises:
        Refused: loading could run code of the model's author, and ``allow_pickle`` is false.
        NotFound: a file is missing, or the model is not one that can score.
        InvalidInput: a package is missing.
    """
    pyfunc = flavors.get("python_function", {})
    if pyfunc.get("code"):
        _ask(folder, f"brings code of its own ({pyfunc['code']})", allow_pickle)
        return None
    for name, make in _MAKERS.items():
        if name in flavors and not flavors[name].get("save_exported_model"):
            return make(folder, flavors, allow_pickle)
    if not pyfunc:
        raise NotFound(
            f"The model in {folder} has the flavors {', '.join(flavors) or 'none'}; none of them can be served.",
            hint="Log it in a format that holds more than weights, such as ONNX.",
        )
    _ask(folder, f"is loaded by code ({pyfunc.get('loader_module', 'unknown')})", allow_pickle)
    return None


def _ask(folder: str, what: str, allow_pickle: bool) -> None:
    if not allow_pickle:
        raise Refused(f"The model in {folder} {what}.", hint=loading.FLAG)


def _own(folder: str, flavors: Mapping[str, dict[str, Any]], allow_pickle: bool) -> Predict:
    """Models that predict by a method of their own."""
    model = loading.load(folder, flavors, allow_pickle=allow_pickle)
    name = flavors.get("python_function", {}).get("predict_fn") or "predict"
    method = getattr(model, name, None)
    if not callable(method):
        raise NotFound(f"The {type(model).__name__} in {folder} has no method {name!r}.")

    def predict(data: Any, parameters: Mapping[str, Any]) -> Any:
        return method(_in_order(data, model))

    return predict


def _in_order(data: Any, model: Any) -> Any:
    """The data for the model; where there is no pandas to carry names, the columns in the order of its training."""
    if not isinstance(data, Table):
        return data
    made = data.to_model()
    names = getattr(model, "feature_names_in_", None)
    if isinstance(made, np.ndarray) and names is not None and set(names) <= data.columns.keys():
        return np.column_stack([data.columns[name] for name in names])
    return made


def _xgboost(folder: str, flavors: Mapping[str, dict[str, Any]], allow_pickle: bool) -> Predict:
    model = loading.load(folder, {"xgboost": flavors["xgboost"]}, allow_pickle=allow_pickle)
    xgboost = loading.needed("xgboost", "xgboost")
    known = set(inspect.signature(model.predict).parameters)

    def predict(data: Any, parameters: Mapping[str, Any]) -> Any:
        fitting = {name: value for name, value in parameters.items() if name in known}
        given = _in_order(data, model)
        if isinstance(model, xgboost.Booster):
            given = xgboost.DMatrix(given)
        return model.predict(given, **fitting)

    return predict


def _onnx(folder: str, flavors: Mapping[str, dict[str, Any]], allow_pickle: bool) -> Predict:
    runtime = loading.needed("onnxruntime", "onnxruntime", "Serving this model")
    path = loading.inside(folder, flavors["onnx"], "data")
    asked = [one for one in flavors["onnx"].get("providers") or () if isinstance(one, str)]
    usable = [one for one in asked if one in runtime.get_available_providers()] or ["CPUExecutionProvider"]
    session = runtime.InferenceSession(path, providers=usable)
    inputs = {one.name: one.type for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]

    def predict(data: Any, parameters: Mapping[str, Any]) -> Any:
        fed = {name: _single(values, inputs.get(name, "")) for name, values in _feed(data, list(inputs)).items()}
        found = dict(zip(outputs, session.run(outputs, fed), strict=True))
        if not isinstance(data, Table):
            return found
        return Table({name: np.asarray(values).reshape(-1) for name, values in found.items()}, data.rows).records()

    return predict


def _keras(folder: str, flavors: Mapping[str, dict[str, Any]], allow_pickle: bool) -> Predict:
    model = loading.load(folder, {"keras": flavors["keras"]}, allow_pickle=allow_pickle)

    def predict(data: Any, parameters: Mapping[str, Any]) -> Any:
        given = np.column_stack(list(data.columns.values())) if isinstance(data, Table) else data
        return model.predict(given, verbose=0)

    return predict


def _feed(data: Any, inputs: list[str]) -> dict[str, Any]:
    """The inputs of an ONNX model: arrays by name, one array, or a table."""
    if isinstance(data, dict):
        return data
    if isinstance(data, Table):
        if len(inputs) > 1:
            return {name: data.columns[name] for name in inputs}
        return {inputs[0]: np.column_stack(list(data.columns.values()))}
    if len(inputs) != 1 or not isinstance(data, np.ndarray):
        raise InvalidInput(f"The model has the inputs {', '.join(inputs)}: send a table or a mapping of them.")
    return {inputs[0]: data}


@np.errstate(over="ignore")  # what is too large becomes infinite
def _single(values: Any, wanted: str) -> Any:
    """JSON has only numbers of double precision; many ONNX models want single."""
    is_double = isinstance(values, np.ndarray) and values.dtype == np.float64
    return values.astype(np.float32) if is_double and wanted == "tensor(float)" else values


_MAKERS = {
    "sklearn": _own,
    "xgboost": _xgboost,
    "lightgbm": _own,
    "onnx": _onnx,
    "keras": _keras,
    "madang_pickle": _own,
}


def needs_mlflow(folder: str) -> Callable[[bytes, str], tuple[str, int, str]]:
    """Scoring by MLflow itself, of a model that only it can load: body and content type to answer, status and type.

    Raises:
        InvalidInput: MLflow is not installed.
    """
    pyfunc = loading.needed("mlflow.pyfunc", "mlflow-skinny", "Serving this model")
    server = loading.needed("mlflow.pyfunc.scoring_server", "mlflow-skinny", "Serving this model")
    exceptions = loading.needed("mlflow.exceptions", "mlflow-skinny", "Serving this model")
    model = pyfunc.load_model(folder)
    schema = model.metadata.get_input_schema()

    def answer(body: bytes, content_type: str) -> tuple[str, int, str]:
        try:
            found = server.invocations(body, content_type, model, schema)
        except exceptions.MlflowException as error:
            error.json_kwargs.pop("stack_trace", None)  # the code of the model is not the caller's business
            return error.serialize_as_json(), error.get_http_status_code(), "application/json"
        return found.response, found.status, found.mimetype

    return answer
