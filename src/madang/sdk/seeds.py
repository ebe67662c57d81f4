"""One call that seeds every random number generator in use, and notes it on the run."""

from __future__ import annotations

import os
import sys

from madang.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

used: dict[str, Any] = {}  # what was seeded in this process; goes into the next run's start


def seed_everything(seed: int) -> int:
    """Seed `random`, and NumPy, PyTorch and TensorFlow where the process has imported them; return the seed.

    PYTHONHASHSEED cannot be changed in a running process: its value is noted, and set for child processes.

    Raises:
        InvalidInput: the seed is not between 0 and 2^32 - 1.
    """
    if type(seed) is not int or not 0 <= seed < 1 << 32:
        raise InvalidInput(f"{seed!r} is not a seed.", hint="Use an integer from 0 to 4294967295.")
    import random

    random.seed(seed)
    done: dict[str, Any] = {"random": seed, "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "random")}
    os.environ["PYTHONHASHSEED"] = str(seed)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
        done["numpy"] = seed
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
        done["torch"] = seed
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.random.set_seed(seed)
        done["tensorflow"] = seed
    used.update(done)
    _note()
    return seed


def _note() -> None:
    from madang.formats.segment import STARTED
    from madang.sdk.run import active

    for run in active:
        run.begin(STARTED, seeds=used)
