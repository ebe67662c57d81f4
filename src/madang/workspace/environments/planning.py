"""Where each package of a lock comes from: an environment of this machine, the work tree, its origin, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field
from urllib.parse import unquote

from madang.domain.environments import INSTRUMENT, Lock, Package
from madang.domain.values import mutable
from madang.workspace.environments.interpreters import Interpreter


@mutable
class Plan:
    """Where each package comes from."""

    taken: dict[Package, Interpreter] = field(default_factory=dict)
    fetched: list[Package] = field(default_factory=list)
    named: list[Package] = field(default_factory=list)  # modules come from the work tree; only its name is needed
    missing: dict[Package, str] = field(default_factory=dict)

    def lacking(self) -> list[str]:
        """What is missing, for people."""
        return sorted(f"package {package}: {reason}" for package, reason in self.missing.items())


def planned(lock: Lock, python: Interpreter, known: Sequence[Interpreter], root: str, anew: bool) -> Plan:
    """Plan an environment on ``python``. ``known``, ``root`` and ``anew`` as in `Environments.provide`."""
    plan = Plan()
    fitting = [one for one in known if one.python.rpartition(".")[0] == python.python.rpartition(".")[0]]
    for package in lock.packages:
        is_tied = package.kind == "editable" or package.name == INSTRUMENT  # to this machine
        source = next((one for one in fitting if _has(one, package)), None) if is_tied or not anew else None
        if source is not None:
            plan.taken[package] = source
        elif not package.is_plain:
            plan.missing[package] = "no package can have this name, version or address"
        elif is_own(package, root):
            plan.named.append(package)
        elif reason := _unreachable(package):
            plan.missing[package] = reason
        else:
            plan.fetched.append(package)
    return plan


def _has(source: Interpreter, package: Package) -> bool:
    if package.name not in source.folders:
        return False
    return package in source.packages or package.name == INSTRUMENT


def is_own(package: Package, root: str) -> bool:
    """Whether a package is installed in place from the run's own work tree."""
    folder = unquote(package.address.removeprefix("file://"))
    return package.kind == "editable" and bool(root) and f"{folder}/".startswith(root.rstrip("/") + "/")


def _unreachable(package: Package) -> str:
    """Why a package cannot be fetched from where it came from, as far as that is seen without trying."""
    if package.kind == "conda":
        return "conda installed it, and it is not there as recorded any more"
    if package.kind == "system":
        return "the operating system installed it, and it is not there as recorded any more"
    scheme, _, path = unquote(package.address).partition("://")
    path = path.rpartition("@")[0] if package.kind == "vcs" else path.partition("#")[0]
    if scheme.endswith("file") and not os.path.exists(path):
        return f"it was installed from {path}, which is gone"
    return ""
