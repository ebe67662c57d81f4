"""Keras 3, on any of its backends: `Model.fit` and `Model.evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.sdk.autolog.boosting import Call
from madang.sdk.autolog.datasets import log_dataset
from madang.sdk.autolog.models import log_model, sample
from madang.sdk.autolog.training import Training, is_training, plain_parameters, recording
from madang.sdk.current import current_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_LEFT_OUT = ("self", "x", "y", "callbacks", "validation_data", "verbose")


def patch(keras: Any, patches: Patches, options: Options) -> None:
    """Replace `fit` and `evaluate` where they are defined: in the trainer of the backend in use."""
    recorder = _recorder(keras, options)
    for name, wrapper in (("fit", _fit(options, recorder)), ("evaluate", _evaluate)):
        owner = next(kind for kind in keras.Model.__mro__ if name in vars(kind))
        patches.replace(owner, name, wrapper)


def _fit(options: Options, recorder: Any) -> Callable[..., Any]:
    def fit(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        with Training("keras") as run:
            if run is None:
                return original(self, *args, **kwargs)
            call = Call(original, (self, *args), kwargs)
            with recording(run, "the start of Model.fit"):
                call.log_params(run, _LEFT_OUT)
                size = call["batch_size"] or getattr(call["x"], "batch_size", None)
                size = getattr(call["x"], "_batch_size", None) if size is None else size
                if size is not None:
                    run.config.put(plain_parameters({"batch_size": size.numpy() if hasattr(size, "numpy") else size}))
                if options.log_datasets:
                    log_dataset(run, call["x"], call["y"])
            example = sample(run, call["x"], options)
            history = call.with_callback(recorder(run))
            if options.log_models:
                log_model(run, self, "model", options, example)
            return history

    return fit


def _evaluate(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    result = original(self, *args, **kwargs)
    run = current_run()
    if run is not None and not is_training():
        with recording(run, "Model.evaluate"):
            values = result if isinstance(result, dict) else _named(self, result)
            run.log({f"validation_{name}": float(value) for name, value in values.items()})
    return result


def _named(model: Any, result: Any) -> dict[str, Any]:
    values = model.get_metrics_result()
    return dict(values) if values else {"loss": result[0] if isinstance(result, list) else result}


def _recorder(keras: Any, options: Options) -> Any:
    class Recorder(keras.callbacks.Callback):  # type: ignore[misc]
        """Records the optimizer and the layers at the start, then the metrics of each epoch."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run

        def on_train_begin(self, logs: Any = None) -> None:
            with recording(self._run, "the optimizer"):
                told = self.model.optimizer.get_config()
                self._run.config.put(plain_parameters({f"optimizer_{name}": value for name, value in told.items()}))
            with recording(self._run, "model_summary"):
                lines: list[str] = []
                self.model.summary(print_fn=lambda line, *ignored, **named: lines.append(line))
                self._run.log_text("model_summary", "\n".join(lines))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with recording(self._run, "an epoch"):
                if logs:
                    self._run.log({name: float(value) for name, value in logs.items()}, step=epoch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            every = options.log_every_n_steps
            if not every or not logs:
                return
            with recording(self._run, "a batch"):
                step = int(self.model.optimizer.iterations)
                if step % every == 0:
                    self._run.log({f"batch_{name}": float(value) for name, value in logs.items()}, step=step)

    return Recorder
