"""Trained models, recorded without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.errors import InvalidInput, Refused
from madang.sdk.autolog.training import recording, tell

if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.run import Run

_ROWS = 5  # of the training data, as MLflow takes


def log_model(run: Run, model: Any, name: str, options: Options, example: Any = None) -> None:
    """Record a model with what it takes; where no safe format can hold it, or a package is missing, say so once.

    ``example`` are some rows of the data that it was trained on (`sample`).
    """
    with recording(run, f"the model {type(model).__name__}"):
        try:
            run.log_model(model, name, allow_pickle=options.allow_pickle, **_described(example, options))
        except (InvalidInput, Refused) as error:
            kind = type(model).__name__
            tell(f"the model {kind} is not recorded: {error.args[0]} Pass log_models=False or allow_pickle=True.")


def _described(example: Any, options: Options) -> dict[str, Any]:
    if example is None:
        return {}
    if options.log_input_examples:
        return {"input_example": example}
    if options.log_model_signatures:
        from madang.sdk.examples import ByExample

        return {"signature": ByExample(example)}
    return {}


def sample(run: Run, data: Any, options: Options) -> Any:
    """The first rows of data in memory, as copies, where the model is to be described by them; else None."""
    if not options.log_models or not (options.log_input_examples or options.log_model_signatures):
        return None
    with recording(run, "an example of what the model takes"):
        return _first(data)
    return None


def _first(data: Any) -> Any:
    if hasattr(data, "iloc"):  # of pandas
        return data.iloc[:_ROWS].copy()
    if hasattr(data, "to_pandas"):  # of Polars
        return data.head(_ROWS).to_pandas()
    if hasattr(data, "toarray"):  # a sparse matrix of SciPy
        return data[:_ROWS].toarray()
    if hasattr(data, "detach"):  # a tensor of PyTorch
        return data[:_ROWS].detach().cpu().numpy().copy()
    if isinstance(data, dict) and data and all(hasattr(one, "shape") for one in data.values()):
        return {name: _first(one) for name, one in data.items()}
    if hasattr(data, "__array__") and len(getattr(data, "shape", ())):
        import numpy

        return numpy.array(data[:_ROWS])
    return list(data[:_ROWS]) if isinstance(data, list) and data else None
