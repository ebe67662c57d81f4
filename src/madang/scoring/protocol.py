"""What the server and the process that scores both know of MLflow's scoring protocol."""

from __future__ import annotations

import json

JSON, CSV, TEXT = "application/json", "text/csv", "text/plain"


def failure(code: str, message: str) -> str:
    """An error in MLflow's form."""
    return json.dumps({"error_code": code, "message": message})


def media_type(content_type: str) -> tuple[str, str]:
    """The type of a request's body, and why it is not taken, if so."""
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    pairs = {name.strip().lower(): text.strip() for name, _, text in (part.partition("=") for part in parameters)}
    if pairs.get("charset", "utf-8").strip('"').lower() != "utf-8":
        return "", "The scoring server only supports UTF-8"
    if unknown := pairs.keys() - {"charset"}:
        return "", f"Unrecognized content type parameters: {', '.join(sorted(unknown))}."
    if kind.lower() not in (CSV, JSON):
        return "", f"This predictor only supports the content types {JSON} and {CSV}. Got '{content_type}'."
    return kind.lower(), ""
