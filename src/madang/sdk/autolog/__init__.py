"""`madang.autolog`: record what machine-learning frameworks train, with nothing to write in the script.

One module a framework says what is recorded; the names are those of MLflow's autologging. A framework is patched when
it is imported, before or after the call, and never imported by it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from madang.domain.values import value
from madang.errors import InvalidInput
from madang.sdk.autolog.importing import when_imported
from madang.sdk.autolog.patching import Patches
from madang.sdk.autolog.training import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Framework → the packages whose import makes it worth a look. `lightning` and `pytorch_lightning` are one program.
FRAMEWORKS = {
    "sklearn": ("sklearn.base",),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "pytorch": ("lightning.pytorch", "pytorch_lightning", "torch.utils.tensorboard"),
    "keras": ("keras",),
    "fastai": ("fastai.learner",),
    "spark": ("pyspark.ml",),
}
_patches: dict[str, Patches] = {}  # package → what was replaced in it


@value
class Options:
    """What `autolog` was asked to record."""

    log_models: bool = True
    log_datasets: bool = True
    allow_pickle: bool = False
    max_tuning_runs: int | None = 5
    log_every_n_steps: int = 0
    log_input_examples: bool = False
    log_model_signatures: bool = True


def autolog(
    *frameworks: str,
    disable: bool = False,
    log_models: bool = True,
    log_datasets: bool = True,
    allow_pickle: bool = False,
    max_tuning_runs: int | None = 5,
    log_every_n_steps: int = 0,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
) -> None:
    """Record every model that is trained from now on: parameters, metrics, data, curves and the model itself.

    Without names all frameworks are meant: sklearn, xgboost, lightgbm, pytorch (Lightning and TensorBoard writers),
    keras, fastai, spark. What is trained goes to the open run; without one, each training begins a run, which stays
    open for the metrics of its model until the next training or the end of the process. An error while recording is
    one line on standard error and never ends the training.

    Args:
        *frameworks: which ones; none: all.
        disable: stop recording, and put the frameworks back as they were.
        log_models: record trained models, in a safe format (see `Run.log_model`).
        log_datasets: record name, digest and shape of training data that is in memory.
        allow_pickle: record by pickle the models that no safe format can hold.
        max_tuning_runs: how many candidates of a parameter search become child runs, the best first; None: all.
        log_every_n_steps: record metrics of Lightning and Keras every so many batches as well; 0: each epoch.
        log_input_examples: store five rows of the training data with the model.
        log_model_signatures: record what the model takes and makes, by five rows of the training data.

    Raises:
        InvalidInput: an unknown framework, or a negative number.
    """
    unknown = [name for name in frameworks if name not in FRAMEWORKS]
    if unknown:
        raise InvalidInput(f"autolog() knows no framework {unknown[0]!r}.", hint=f"It knows {', '.join(FRAMEWORKS)}.")
    if log_every_n_steps < 0 or (max_tuning_runs is not None and max_tuning_runs < 0):
        raise InvalidInput("autolog() takes no negative numbers of steps or runs.")
    options = Options(
        log_models, log_datasets, allow_pickle, max_tuning_runs, log_every_n_steps, log_input_examples,
        log_model_signatures,
    )  # fmt: skip
    for name in frameworks or FRAMEWORKS:
        for package in FRAMEWORKS[name]:
            if package in _patches:
                _patches.pop(package).undo()
            when_imported(package, None if disable else _patcher(name, package, options))


def _patcher(name: str, package: str, options: Options) -> Callable[[Any], None]:
    def patch(module: Any) -> None:
        patches = _patches[package] = Patches()
        with recording(None, name):
            import_module(f"madang.sdk.autolog.{name}").patch(module, patches, options)

    return patch
