"""Records what an unchanged script opens and imports, below `madang run`.

`madang run` puts this folder first on PYTHONPATH, so that every Python process of the command imports it at its start.
It then hands over to the `sitecustomize` that would have been imported without it. Nothing here may keep a program
from starting.
"""

import os
import sys


def _next_sitecustomize() -> None:
    """Import the module of the same name that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    spec = finder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _record() -> None:
    if "MADANG_LAUNCHED" not in os.environ:
        return
    if not _is_here() and not _bring():
        return
    try:
        from madang.sdk.inject import begin  # noqa: PLC0415 - only below the launcher
    except ImportError:
        return
    begin()


def _is_here() -> bool:
    """Whether this environment has madang."""
    try:
        import madang  # noqa: F401, PLC0415 - only below the launcher
    except ImportError:
        return False
    return True


def _bring() -> bool:
    """Load the launcher's own madang into another environment; nothing else of the launcher's can be imported.

    What records needs the standard library only, of a Python that madang knows.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - the launcher needs it, the script may run in an older one
        return False
    above = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec("madang", [above])
    if spec is None or spec.loader is None:
        return False
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    sys.modules["madang"] = module
    spec.loader.exec_module(module)
    return True


_record()
_next_sitecustomize()
