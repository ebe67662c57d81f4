"""What W&B's client says of the machine and the process behind a run: under ``e`` in its own part of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madang.domain.events import Environment


def newest(own: Mapping[str, Any]) -> dict[str, Any]:
    """What the process that began last says; each writer of a run has an entry."""
    found = own.get("e")
    told = [item for item in found.values() if isinstance(item, dict)] if isinstance(found, dict) else []
    return max(told, key=lambda item: str(item.get("startedAt", "")), default={})


def command_of(told: Mapping[str, Any]) -> list[str]:
    """The program with its arguments."""
    program, arguments = told.get("program"), told.get("args")
    if not isinstance(program, str) or not program:
        return []
    return [program, *(str(item) for item in arguments)] if isinstance(arguments, list) else [program]


def packages_of(requirements: str) -> list[tuple[str, str, str]]:
    """The packages that a requirements.txt pins."""
    lines = (line.strip().partition("==") for line in requirements.splitlines())
    return [(name, version, "") for name, equals, version in lines if equals]


def environment_of(told: Mapping[str, Any], packages: list[tuple[str, str, str]]) -> Environment | None:
    """What the run ran in; None where nothing is said."""
    if not told and not packages:
        return None
    memory, gpus, cpu = told.get("memory"), told.get("gpu_nvidia"), told.get("cpu")
    return Environment(
        python=_text(told, "python").removeprefix("CPython "),
        packages=packages,
        os=_text(told, "os"),
        cpu=_text(cpu, "model") if isinstance(cpu, dict) else "",
        cpus=_number(told.get("cpu_count_logical")),
        memory=_number(memory.get("total")) if isinstance(memory, dict) else 0,
        gpus=[_text(item, "name") for item in gpus if isinstance(item, dict)] if isinstance(gpus, list) else [],
        cuda=_text(told, "cudaVersion"),
        hostname=_text(told, "host"),
    )


def _text(told: Mapping[str, Any], key: str) -> str:
    found = told.get(key)
    return found if isinstance(found, str) else ""


def _number(value: Any) -> int:
    """A count: clients write those of 64 bits as texts."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
