"""Do something as soon as a module is imported, and not import it for that."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_waiting: dict[str, Callable[[Any], None]] = {}


def when_imported(module: str, action: Callable[[Any], None] | None) -> None:
    """Call ``action`` with the module: now, or when it is imported. None takes an earlier wish back."""
    _waiting.pop(module, None)
    if action is None:
        return
    if module in sys.modules and not _is_being_imported(sys.modules[module]):
        action(sys.modules[module])
        return
    _waiting[module] = action
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Finder:
    """Stands before the other finders, and lets them find what is waited for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        action = _waiting.pop(name, None)
        if action is None:
            return None
        spec = find_spec(name)  # asks this finder again, which no longer waits for it
        if spec is None or spec.loader is None:
            _waiting[name] = action
            return None
        loader: Any = _Loader(spec.loader, action)
        spec.loader = loader
        return spec


class _Loader:
    """A module's own loader, and the action after it."""

    def __init__(self, loader: Any, action: Callable[[Any], None]) -> None:
        self._loader = loader
        self._action = action

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._action(module)


_finder: Any = _Finder()
