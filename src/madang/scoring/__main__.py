"""`python …/madang/scoring/__main__.py DESCRIPTOR`: a scoring process, in whatever environment the model needs.

Only madang's own modules are made importable, by their place: nothing of the environment that the server runs in, and
not the folder of this file.
"""

import importlib
import os
import sys
import types


def _madang() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) not in (here, os.getcwd())]
    package = types.ModuleType("madang")
    package.__path__ = [os.path.dirname(here)]
    sys.modules["madang"] = package


if __name__ == "__main__":
    _madang()
    sys.exit(importlib.import_module("madang.scoring.worker").main(int(sys.argv[1])))
