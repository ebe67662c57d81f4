"""Classes that msgspec decodes into, safe for threads.

msgspec learns the fields of a class when something is first decoded into it, and gives the class out before it knows
them all: a second thread that decodes meanwhile reads an unfinished table and the process dies of it (SIGSEGV, as of
msgspec 0.22). So whoever decodes into a class of ours has it learnt here first, by one thread.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_lock = threading.Lock()
_learnt: set[Any] = set()


def learnt(kind: type[T]) -> type[T]:
    """The same class, with all that msgspec wants to know of it."""
    if kind not in _learnt:
        with _lock:
            msgspec.msgpack.Decoder(kind)
            _learnt.add(kind)
    return kind
