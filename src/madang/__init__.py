"""madang: every version of a machine-learning project in one place.

    import madang

    with madang.init(project="iris", config={"C": 1.0}) as run:
        run.log({"val/loss": 0.31}, step=1)

Everything here is loaded on first use: importing the package costs next to nothing (see docs/sdk.md).
"""

from __future__ import annotations

from madang.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from madang.errors import (
        AccessDenied,
        ConfigError,
        Conflict,
        CorruptData,
        Diverged,
        Incompatible,
        InvalidInput,
        MadangError,
        NotAWorkspace,
        NotFound,
        Refused,
        StorageError,
        TooLarge,
        Unauthenticated,
        Unavailable,
    )
    from madang.sdk.autolog import autolog
    from madang.sdk.current import current_run, finish, log, use
    from madang.sdk.init import init
    from madang.sdk.login import login
    from madang.sdk.models import load_model
    from madang.sdk.reading import ReadRun, get_run, history, runs
    from madang.sdk.run import Run
    from madang.sdk.seeds import seed_everything
    from madang.sdk.sweeps import agent, sweep

__all__ = [
    "AccessDenied",
    "ConfigError",
    "Conflict",
    "CorruptData",
    "Diverged",
    "Incompatible",
    "InvalidInput",
    "MadangError",
    "NotAWorkspace",
    "NotFound",
    "ReadRun",
    "Refused",
    "Run",
    "StorageError",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "agent",
    "autolog",
    "current_run",
    "finish",
    "get_run",
    "history",
    "init",
    "load_model",
    "log",
    "login",
    "runs",
    "seed_everything",
    "sweep",
    "use",
]

_HOMES = {
    "autolog": "sdk.autolog",
    "current_run": "sdk.current",
    "finish": "sdk.current",
    "log": "sdk.current",
    "use": "sdk.current",
    "init": "sdk.init",
    "login": "sdk.login",
    "load_model": "sdk.models",
    "ReadRun": "sdk.reading",
    "get_run": "sdk.reading",
    "history": "sdk.reading",
    "runs": "sdk.reading",
    "Run": "sdk.run",
    "seed_everything": "sdk.seeds",
    "agent": "sdk.sweeps",
    "sweep": "sdk.sweeps",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name) or ("errors" if name in __all__ else "")
    if not home:
        raise AttributeError(f"module 'madang' has no attribute {name!r}")
    # fromlist makes __import__ return the module itself; `importlib` alone would cost as much as init() does
    value: object = getattr(__import__("madang." + home, fromlist=("_",)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
