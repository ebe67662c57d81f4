"""Copy a file's bytes."""

from __future__ import annotations

import os

from madang.durable import copy_bytes, open_to_read
from madang.workspace.data.objects.state import FileKey, key_of


def copy(source: str, target: str) -> FileKey:
    """Make ``target``, which does not exist, with the mode that the umask leaves. Returns what it is now."""
    read = open_to_read(source)
    try:
        write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            copy_bytes(read, write)
            return key_of(os.fstat(write))
        finally:
            os.close(write)
    finally:
        os.close(read)


def go_on(source: str, target: str, start: int) -> FileKey:
    """Complete ``target``, which has the first bytes of ``source``, as many as ``start``. Returns what it is now."""
    read = open_to_read(source)
    try:
        write = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.lseek(read, start, os.SEEK_SET)
            os.lseek(write, start, os.SEEK_SET)
            copy_bytes(read, write)
            return key_of(os.fstat(write))
        finally:
            os.close(write)
    finally:
        os.close(read)
