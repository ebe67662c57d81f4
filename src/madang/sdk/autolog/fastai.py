"""fastai: `Learner.fit` and what ends in it (`fit_one_cycle`, `fine_tune`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from madang.sdk.autolog.models import log_model
from madang.sdk.autolog.training import Training, plain_parameters, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_SAMPLES = 100  # of a schedule


def patch(learner: Any, patches: Patches, options: Options) -> None:
    """Replace `Learner.fit`; `fine_tune` calls it twice and is one training."""
    recorder = _recorder()
    patches.replace(learner.Learner, "fit", _fit(options, recorder))
    if "fine_tune" in vars(learner.Learner):
        patches.replace(learner.Learner, "fine_tune", _fine_tune(options))


def _fit(options: Options, recorder: Any) -> Callable[..., Any]:
    def fit(original: Callable[..., Any], self: Any, n_epoch: int, *args: Any, **kwargs: Any) -> Any:
        with Training("fastai") as run:
            if run is None:
                return original(self, n_epoch, *args, **kwargs)
            with recording(run, "the start of Learner.fit"):
                run.config.put(plain_parameters(_described(self, n_epoch)))
                _log_early_stopping(run, self)
            with self.added_cbs([recorder(run)]):
                result = original(self, n_epoch, *args, **kwargs)
            if options.log_models:
                log_model(run, self.model, "model", options)
            return result

    return fit


def _fine_tune(options: Options) -> Callable[..., Any]:
    def fine_tune(original: Callable[..., Any], self: Any, epochs: int, *args: Any, **kwargs: Any) -> Any:
        with Training("fastai", passes_on=True) as run:
            if run is not None:
                with recording(run, "the start of Learner.fine_tune"):
                    run.config.put(plain_parameters({"epochs": epochs, **kwargs}))
            return original(self, epochs, *args, **kwargs)

    return fine_tune


def _described(learner: Any, epochs: int) -> dict[str, Any]:
    maker = learner.opt_func
    maker = maker.keywords.get("opt", maker.func) if isinstance(maker, partial) else maker
    layers = sum(1 for module in learner.model.modules() if not list(module.children()))
    return {"n_epoch": epochs, "opt_func": getattr(maker, "__name__", str(maker)), "num_layers": layers}


def _log_early_stopping(run: Run, learner: Any) -> None:
    stopping = next((one for one in learner.cbs if type(one).__name__ == "EarlyStoppingCallback"), None)
    if stopping is not None:
        told = {f"early_stop_{name}": getattr(stopping, name) for name in ("monitor", "min_delta", "patience")}
        run.config.put(plain_parameters({**told, "early_stop_comp": stopping.comp.__name__}))


def _recorder() -> Any:
    from fastai.callback.core import Callback

    class RunRecorder(Callback):  # type: ignore[misc]
        """Records the schedules at the start, then the metrics of each epoch."""

        order = 60  # after fastai's own recorder

        def __init__(self, run: Run) -> None:
            self._madang_run = run

        def before_fit(self) -> None:
            if self._is_no_training():
                return
            with recording(self._madang_run, "the optimizer"):
                frozen = "freeze_" if self.opt.frozen_idx else ""
                schedules: dict[str, Any] = next((one.scheds for one in self.learn.cbs if hasattr(one, "scheds")), {})
                told: dict[str, Any] = {}
                for name, schedule in schedules.items():
                    points = [_mean(schedule(step / _SAMPLES)) for step in range(_SAMPLES)]
                    told |= {
                        f"{frozen}{name}_min": min(points),
                        f"{frozen}{name}_max": max(points),
                        f"{frozen}{name}_init": points[0],
                        f"{frozen}{name}_final": points[-1],
                    }
                for name in self.opt.hypers[0]:
                    if name not in schedules:
                        told[frozen + name] = [group[name] for group in self.opt.hypers]
                self._madang_run.config.put(plain_parameters(told))

        def after_epoch(self) -> None:
            if self._is_no_training():
                return
            with recording(self._madang_run, "an epoch"):
                named = zip(self.recorder.metric_names, self.recorder.log, strict=False)
                values = {name: float(value) for name, value in named if isinstance(value, (int, float))}
                self._madang_run.log(values, step=int(self.epoch))

        def _is_no_training(self) -> bool:
            return hasattr(self.learn, "lr_finder") or hasattr(self.learn, "gather_preds")

    return RunRecorder


def _mean(value: Any) -> float:
    return float(value.mean()) if hasattr(value, "mean") else float(value)
