"""What a base install puts on the disk: madang and all it needs, without pip and setuptools."""

from __future__ import annotations

from pathlib import Path

import venvs
from harness import Bench, disk
from report import Check, Table

NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth", "wheel")


def measure(bench: Bench) -> list[Table]:
    table = Table("Install size, MB (10^6 bytes)", "| bytes | on disk | files | largest parts")
    for peer in ("madang", "expman", "trackio", "wandb", "tensorboardx", "mlflow", "dvc"):
        folder = venvs.site_packages(peer)
        parts: dict[str, int] = {}
        apparent = allocated = files = 0
        for entry in folder.iterdir():
            if entry.name.split("-")[0] in NOT_OURS:
                continue
            found = disk(entry)
            apparent, allocated, files = apparent + found[0], allocated + found[1], files + found[2]
            parts[_name(entry)] = parts.get(_name(entry), 0) + found[1]
        top = sorted(parts.items(), key=lambda item: -item[1])[:5]
        table.row(
            peer, apparent / 1e6, allocated / 1e6, files, ", ".join(f"{name} {size / 1e6:.1f}" for name, size in top)
        )
        if peer == "madang":
            table.checks.append(Check("madang, allocated on disk", allocated / 1e6, 60, unit=" MB"))
    table.notes.append(
        "compiled files (__pycache__) included; each in an environment of its own; tensorboardX with its reader"
    )
    return [table]


def _name(path: Path) -> str:
    return path.name.split("-")[0].removesuffix(".libs").lower()
