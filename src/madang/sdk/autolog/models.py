"""Trained models, recorded without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.errors import InvalidInput, Refused
from madang.sdk.autolog.training import recording, tell

if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.run import Run


def log_model(run: Run, model: Any, name: str, options: Options) -> None:
    """Record a model; where no safe format can hold it, or a package for that is missing, say so once."""
    with recording(run, f"the model {type(model).__name__}"):
        try:
            run.log_model(model, name, allow_pickle=options.allow_pickle)
        except (InvalidInput, Refused) as error:
            kind = type(model).__name__
            tell(f"the model {kind} is not recorded: {error.args[0]} Pass log_models=False or allow_pickle=True.")
