"""Taking an installed package over from another environment: the very files that the run used, checked one by one.

What an installer wrote down of a package (RECORD: packaging.python.org, "Recording installed projects") names each of
its files with a digest. A package of which a file is gone or has other bytes now is not taken.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator

from madang.domain.environments import Package
from madang.domain.values import value
from madang.durable import unlink
from madang.errors import CorruptData

_LAUNCHER = re.compile(rb"\A(?:#!/bin/sh\n'''exec' [^\n]*\n' '''\n|#![^\n]*python[^\n]*\n)")
_EDITED = (".py", ".pth", ".txt", ".json", ".toml", ".yaml", ".yml", ".cfg", ".ini")  # what people change in place
_LARGE = 1 << 18  # bytes
_LONGEST_LINE = 120  # bytes of a `#!` line that every kernel reads


@value
class NewEnvironment:
    """The environment that a package is brought into."""

    root: str
    site: str  # where packages lie
    python: str


@value
class _File:
    source: str
    target: str
    digest: str  # algorithm=value; empty where none is recorded


def take(info: str, prefix: str, new: NewEnvironment, *, in_place: bool = True) -> None:
    """Copy the package whose metadata folder is ``info``, in the environment at ``prefix``.

    Without ``in_place`` what leads to the folder of an editable installation is left out.

    Raises:
        CorruptData: a file is gone, has changed since it was installed, or lies outside the environment.
        OSError: it cannot be written.
    """
    files = list(_files(info, prefix, new))
    if not in_place:
        kept = os.path.basename(info) + os.sep
        files = [one for one in files if one.target.startswith((os.path.join(new.site, kept), new.root + "/bin/"))]
    done: list[str] = []
    try:
        for one in files:
            done.append(one.target)
            _copy(one, new)
    except CorruptData:
        for path in done:  # half a package would pass for a whole one
            unlink(path)
        shutil.rmtree(os.path.join(new.site, os.path.basename(info)), ignore_errors=True)
        raise


def name_only(package: Package, new: NewEnvironment) -> None:
    """Say that a package is installed, without its modules: they are imported from the work tree."""
    info = os.path.join(new.site, f"{package.name.replace('-', '_')}-{package.version}.dist-info")
    os.makedirs(info, exist_ok=True)
    with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n")
    with open(os.path.join(info, "direct_url.json"), "w", encoding="utf-8") as file:
        json.dump({"url": package.address, "dir_info": {"editable": True}}, file)


def _files(info: str, prefix: str, new: NewEnvironment) -> Iterator[_File]:
    site = os.path.dirname(info)
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise CorruptData("it has no record of its files") from error
    for row in rows:
        source = os.path.normpath(os.path.join(site, row[0]))
        if source.endswith(".pyc"):
            continue
        if source.startswith(site + os.sep):
            target = os.path.join(new.site, os.path.relpath(source, site))
        elif source.startswith(prefix.rstrip("/") + os.sep):
            target = os.path.join(new.root, os.path.relpath(source, prefix))
        else:
            raise CorruptData(f"its file {source} lies outside {prefix}")
        yield _File(source, target, row[1] if len(row) > 1 else "")


def _copy(file: _File, new: NewEnvironment) -> None:
    is_script = os.path.dirname(file.target) == os.path.join(new.root, "bin")
    try:
        if file.digest and _digest(file.source, file.digest.partition("=")[0]) != file.digest:
            raise CorruptData(f"{file.source} has changed since it was installed")
        os.makedirs(os.path.dirname(file.target), exist_ok=True)
        if is_script or file.source.endswith(_EDITED) or not _link(file):
            shutil.copyfile(file.source, file.target)
            shutil.copymode(file.source, file.target)
    except FileNotFoundError as error:
        if not file.digest:
            return  # what installers leave out, such as REQUESTED
        raise CorruptData(f"{file.source} is gone") from error
    if is_script:
        _relaunch(file.target, new.python)


def _link(file: _File) -> bool:
    """Let a large file have its bytes in common with the other environment, as uv does with its cache."""
    if os.path.getsize(file.source) < _LARGE:
        return False
    try:
        os.link(file.source, file.target)
    except OSError:
        return False  # another disk, or one without links
    return True


def _digest(path: str, algorithm: str) -> str:
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).digest()
    except ValueError as error:
        raise CorruptData(f"{path} is recorded by {algorithm!r}, which is unknown here") from error
    return f"{algorithm}={base64.urlsafe_b64encode(found).decode().rstrip('=')}"


def _relaunch(path: str, python: str) -> None:
    """Let a Python script start with the interpreter of its new environment."""
    with open(path, "rb") as file:
        body = file.read()
    if not _LAUNCHER.match(body):
        return
    head = f"#!{python}\n"
    if " " in python or len(os.fsencode(head)) > _LONGEST_LINE:
        head = f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"  # both a shell script and a Python one
    with open(path, "wb") as file:
        file.write(os.fsencode(head) + _LAUNCHER.sub(b"", body, count=1))
