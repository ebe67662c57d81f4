"""The process that scores: one model, one request at a time, over a socket that it was given.

The first message names the model; the answer says that it is loaded, or why not. Each further message is a scoring
request. The process ends when the server closes the socket or dies.
"""

from __future__ import annotations

import importlib.metadata
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from madang.errors import InvalidInput, MadangError
from madang.scoring import answers, enforcing, frames, parsing, predicting
from madang.scoring import signature as signatures
from madang.scoring.protocol import CSV, JSON, TEXT, failure, media_type


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: str
    type: str = JSON


Score = Callable[[bytes, str], Answer]


def main(descriptor: int) -> int:
    """Serve one server until it leaves."""
    sys.stdout.flush()
    os.dup2(2, 1)  # what the model prints is for the log
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
    told = frames.receive(connection)
    if told is None:
        return 0
    try:
        score = scorer(told[0])
        listed = [str(line) for line in told[0].get("requirements") or ()]
        is_own = isinstance(score, Scorer)  # then nothing needs MLflow, which writes itself down for every model
        wanted = [line for line in listed if not (is_own and line.partition("==")[0].strip() == "mlflow")]
        head: dict[str, Any] = {"ready": True, "warnings": unmet(wanted)}
    except MadangError as error:
        score = None
        head = {"code": error.code, "message": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - the model's own code and libraries raise whatever they like
        score = None
        traceback.print_exc()
        head = {"code": "error", "message": f"The model cannot be loaded: {type(error).__name__}: {error}", "hint": ""}
    connection.sendall(frames.encode(head))
    while score is not None and (asked := frames.receive(connection)) is not None:
        answer = score(asked[1], str(asked[0].get("type") or ""))
        connection.sendall(
            frames.encode({"status": answer.status, "type": answer.type}, answer.body.encode("utf-8", "replace"))
        )
    return 0


def scorer(told: Mapping[str, Any]) -> Score:
    """Load the model that a first message names.

    Raises:
        MadangError: it cannot be loaded, or may not.
    """
    folder, allow_pickle = str(told["folder"]), bool(told.get("allow_pickle"))
    if allow_pickle:
        sys.path.append(os.getcwd())  # modules that the pickle names
    predict = predicting.predictor(folder, told["flavors"], allow_pickle=allow_pickle)
    if predict is None:
        by_mlflow = predicting.needs_mlflow(folder)

        def score(body: bytes, content_type: str) -> Answer:
            text, status, kind = by_mlflow(body, content_type)
            return Answer(status, text, kind)

        return score
    return Scorer(predict, signatures.parse(told.get("signature")))


class Scorer:
    """MLflow's scoring protocol over a model."""

    def __init__(self, predict: predicting.Predict, signature: signatures.Signature | None) -> None:
        self._predict = predict
        self._signature = signature

    def __call__(self, body: bytes, content_type: str) -> Answer:
        """The answer to one request."""
        kind, refused = media_type(content_type)
        if refused:
            return Answer(415, refused, TEXT)
        read = parsing.of_text if kind == CSV else parsing.of_json
        try:
            request = read(body, self._signature)
        except InvalidInput as error:
            return _failure(400, "BAD_REQUEST", f"Invalid input. {error}")
        try:
            data, parameters = self._checked(request)
        except InvalidInput as error:
            return _failure(400, "INVALID_PARAMETER_VALUE", f"{error}")
        try:
            predictions = self._predict(data, parameters)
        except Exception as error:  # noqa: BLE001 - the model's own code and libraries raise whatever they like
            traceback.print_exc()
            return _failure(
                400,
                "BAD_REQUEST",
                "Encountered an unexpected error while evaluating the model. Verify that the input is compatible with "
                f"the model for inference. Error: {type(error).__name__}: {error}",
            )
        try:
            return Answer(200, answers.encoded(predictions))
        except (TypeError, ValueError, RecursionError) as error:
            return _failure(500, "INTERNAL_ERROR", f"The model's answer cannot be written as JSON: {error}.")

    def _checked(self, request: parsing.Request) -> tuple[Any, Mapping[str, Any]]:
        declared = self._signature
        if declared is None:
            return request.data, {}
        parameters = enforcing.parameters_of(request.parameters, declared.parameters)
        try:
            return enforcing.enforced(request.data, declared), parameters
        except InvalidInput as error:
            raise InvalidInput(f"Failed to enforce schema of the model's inputs. Error: {error}") from error


def _failure(status: int, code: str, message: str) -> Answer:
    return Answer(status, failure(code, message))


def unmet(requirements: list[str]) -> list[str]:
    """How this environment differs from what the model was made with: pins that do not hold, packages not here."""
    found = []
    for line in requirements:
        name, _, wanted = line.partition("==")
        name, wanted = name.strip(), wanted.partition(";")[0].strip()
        if not wanted or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            continue
        try:
            present = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            present = "not installed"
        if present != wanted:
            found.append(f"{name}: the model was made with {wanted}, here it is {present}")
    return found
