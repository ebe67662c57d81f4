"""Samples of the machine and of a training process."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import psutil

from madang.workspace import gpu


class Machine:
    """Readings of the whole machine; rates are per second since the reading before."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # its first answer says nothing: it begins the interval
        self._before: tuple[float, float, float, float, float] | None = None

    def sample(self, now: float, folder: str) -> dict[str, float]:
        """CPU and memory in percent, memory, disk and network in bytes (a second); ``folder`` says which disk."""
        memory = psutil.virtual_memory()
        values = {
            "system/cpu": float(psutil.cpu_percent()),
            "system/memory": float(memory.percent),
            "system/memory_bytes": float(memory.total - memory.available),
        }
        try:
            disk = os.statvfs(folder)
            values["system/disk.free_bytes"] = float(disk.f_bavail * disk.f_frsize)
        except OSError:
            pass  # the work tree is gone
        values.update(self._rates(now))
        values.update({f"system/{name}": value for name, value in gpu.sample().items()})
        return values

    def _rates(self, now: float) -> dict[str, float]:
        try:
            disk: Any = psutil.disk_io_counters()
            net: Any = psutil.net_io_counters()
        except (OSError, RuntimeError, ValueError):
            return {}  # /proc of some containers lacks them
        if not disk or not net:  # a machine without disks or interfaces
            return {}
        counts = (
            now,
            float(disk.read_bytes),
            float(disk.write_bytes),
            float(net.bytes_recv),
            float(net.bytes_sent),
        )
        before, self._before = self._before, counts
        if before is None or now <= before[0]:
            return {}
        names = ("system/disk.read", "system/disk.write", "system/net.received", "system/net.sent")
        span = now - before[0]
        return {name: max(0.0, new - old) / span for name, new, old in zip(names, counts[1:], before[1:], strict=True)}


class Processes:
    """Readings of the processes of a run, their children included, each process counted once."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def sample(self, pids: Iterable[int]) -> dict[str, float]:
        """CPU in percent of one core since the last sample, and resident memory in bytes; empty when all are gone."""
        cpu = memory = 0.0
        alive: dict[int, psutil.Process] = {}
        for process in self._families(pids):
            known = self._known.get(process.pid)
            use = known if known is not None and known == process else process
            try:
                cpu += use.cpu_percent()
                memory += use.memory_info().rss
            except (psutil.Error, OSError):
                continue
            alive[use.pid] = use
        self._known = alive
        return {"system/process.cpu": cpu, "system/process.memory": memory} if alive else {}

    @staticmethod
    def _families(pids: Iterable[int]) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for pid in pids:
            if pid in found:
                continue
            try:
                parent = psutil.Process(pid)
                found[pid] = parent
                found.update({child.pid: child for child in parent.children(recursive=True)})
            except (psutil.Error, OSError):
                continue
        return list(found.values())


def environment_of(pid: int) -> dict[str, str]:
    """The environment variables that a process was started with; empty when the system does not tell."""
    try:
        return dict(psutil.Process(pid).environ())
    except (psutil.Error, OSError, ValueError):
        return {}


def same_cgroup(pid: int) -> bool:
    """Whether a process lives in our cgroup; true where there are none."""
    try:
        with open("/proc/self/cgroup", "rb") as ours, open(f"/proc/{pid}/cgroup", "rb") as theirs:
            return ours.read() == theirs.read()
    except OSError:
        return not os.path.exists("/proc/self/cgroup")
