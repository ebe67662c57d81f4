"""PyTorch: `Trainer.fit` of Lightning, and what is written to TensorBoard's `SummaryWriter`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from madang.sdk.autolog.models import log_model, sample
from madang.sdk.autolog.training import Training, plain_parameters, recording
from madang.sdk.current import current_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_EARLY_STOPPING = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")


def patch(module: Any, patches: Patches, options: Options) -> None:
    """Replace what a module of PyTorch's world offers: a trainer, or a writer."""
    if hasattr(module, "Trainer"):
        recorder = _recorder(module, options)
        patches.replace(module.Trainer, "fit", _fit(options, recorder))
        patches.replace(module.Trainer, "test", _test)
    if hasattr(module, "SummaryWriter"):
        patches.replace(module.SummaryWriter, "add_scalar", _add_scalar)
        patches.replace(module.SummaryWriter, "add_hparams", _add_hparams)


def _is_first_rank() -> bool:
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("RANK", "0") == "0"


def _fit(options: Options, recorder: Any) -> Callable[..., Any]:
    def fit(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_first_rank():
            return original(self, *args, **kwargs)
        with Training("pytorch") as run:
            if run is None:
                return original(self, *args, **kwargs)
            callback = recorder(run)
            self.callbacks.append(callback)
            stopping = next((one for one in self.callbacks if hasattr(one, "stopped_epoch")), None)
            with recording(run, "early stopping"):
                told = {name: getattr(stopping, name) for name in _EARLY_STOPPING if hasattr(stopping, name)}
                run.config.put(plain_parameters(told))
            try:
                result = original(self, *args, **kwargs)
            finally:
                self.callbacks.remove(callback)
            with recording(run, "the end of Trainer.fit"):
                _log_stop(run, stopping)
                model = getattr(self, "lightning_module", None)
                if options.log_models and model is not None:
                    log_model(run, model, "model", options, callback.example)
            return result

    return fit


def _log_stop(run: Run, stopping: Any) -> None:
    if stopping is None or not stopping.stopped_epoch:
        return
    values = {
        "stopped_epoch": stopping.stopped_epoch,
        "restored_epoch": stopping.stopped_epoch - max(1, stopping.patience),
        "best_score": float(stopping.best_score),
        "wait_count": stopping.wait_count,
    }
    run.log(values)


def _test(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    result = original(self, *args, **kwargs)
    run = current_run()
    if run is not None and _is_first_rank():
        with recording(run, "Trainer.test"):
            _log(run, self.callback_metrics.items(), None)
            run.set_tags({"Mode": "testing"})
    return result


def _log(run: Run, metrics: Iterable[tuple[str, Any]], step: int | None) -> None:
    values = {name: float(value) for name, value in metrics}
    if values:
        run.log(values, step=step)


def _recorder(lightning: Any, options: Options) -> Any:
    class Recorder(lightning.Callback):  # type: ignore[misc]
        """Records the optimizer at the start, then metrics of each epoch (and each so many steps)."""

        def __init__(self, run: Run) -> None:
            self._run = run
            self._of_steps: set[str] = set()
            self._of_epochs: set[str] = set()
            self.example: Any = None  # some rows of the first batch

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, *ignored: Any) -> None:
            if self.example is None:
                inputs = batch[0] if isinstance(batch, (list, tuple)) and batch else batch
                self.example = sample(self._run, inputs, options)

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            with recording(self._run, "the start of Trainer.fit"):
                self._run.set_tags({"Mode": "training"})
                told: dict[str, Any] = {"epochs": trainer.max_epochs}
                if trainer.optimizers:
                    optimizer = trainer.optimizers[0]
                    told["optimizer_name"] = type(getattr(optimizer, "_optimizer", optimizer)).__name__
                    told |= getattr(optimizer, "defaults", {})
                self._run.config.put(plain_parameters(told))
                summary = lightning.utilities.model_summary.ModelSummary(pl_module, max_depth=-1)
                self._run.log_text("model_summary", str(summary))

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.sanity_checking or not trainer.is_global_zero:
                return
            with recording(self._run, "an epoch"):
                found = [
                    (name, value) for name, value in trainer.callback_metrics.items() if name not in self._of_steps
                ]
                self._of_epochs.update(name for name, _ in found)
                _log(self._run, found, trainer.current_epoch)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *ignored: Any) -> None:
            every = options.log_every_n_steps
            if not every or trainer.global_step % every or not trainer.is_global_zero:
                return
            with recording(self._run, "a step"):
                metrics = trainer.logged_metrics
                found = [
                    (name, value)
                    for name, value in metrics.items()
                    if name not in self._of_epochs and f"{name}_step" not in metrics
                ]
                self._of_steps.update(name for name, _ in found)
                _log(self._run, found, trainer.global_step)

    return Recorder


def _add_scalar(
    original: Callable[..., Any],
    self: Any,
    tag: str,
    scalar_value: Any,
    global_step: int | None = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    result = original(self, tag, scalar_value, global_step, *args, **kwargs)
    run = current_run()
    if run is not None:
        with recording(run, "a scalar of SummaryWriter"):
            run.log({tag: float(scalar_value)}, step=global_step)
    return result


def _add_hparams(
    original: Callable[..., Any], self: Any, hparam_dict: Any, metric_dict: Any, *args: Any, **kwargs: Any
) -> Any:
    result = original(self, hparam_dict, metric_dict, *args, **kwargs)
    run = current_run()
    if run is not None:
        with recording(run, "the hyperparameters of SummaryWriter"):
            run.config.put(plain_parameters(hparam_dict))
            run.log({name: float(value) for name, value in metric_dict.items()})
    return result
