"""NVIDIA GPUs by NVML: what they are, and how busy they are. Absent or failing drivers are no error: no GPUs then."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import field
from typing import Any

from madang.domain.values import value

_DRIVER_SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/proc/driver/nvidia/version")
_failed = False


@value
class Graphics:
    """The GPUs of this machine."""

    names: list[str] = field(default_factory=list)
    cuda: str = ""  # newest CUDA that the driver serves, and the driver's version


def _nvml() -> Any:
    """The library, started; None where there is no driver."""
    global _failed
    if _failed or not any(map(os.path.exists, _DRIVER_SIGNS)):
        return None
    import pynvml  # noqa: PLC0415 - loaded only where there is a driver

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        _failed = True
        return None
    return pynvml


def describe() -> Graphics:
    """Names with memory, one for each GPU, and the versions of CUDA and driver."""
    nvml = _nvml()
    if nvml is None:
        return Graphics()
    try:
        names = []
        for number in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(number)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle).total / (1 << 30)
            names.append(f"{_text(nvml.nvmlDeviceGetName(handle))} ({memory:.0f} GiB)")
        version = nvml.nvmlSystemGetCudaDriverVersion()
        driver = _text(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        return Graphics()
    return Graphics(names, f"{version // 1000}.{version % 1000 // 10} (driver {driver})")


def sample() -> dict[str, float]:
    """`gpu.N.*` readings: utilisation and memory in percent, memory in bytes, temperature in °C, power in watts."""
    nvml = _nvml()
    if nvml is None:
        return {}
    values: dict[str, float] = {}
    try:
        for number in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(number)
            values.update({f"gpu.{number}.{name}": value for name, value in _readings(nvml, handle).items()})
    except nvml.NVMLError:
        return values
    return values


def _readings(nvml: Any, handle: Any) -> dict[str, float]:
    found: dict[str, float] = {}

    def read(name: str, ask: Any) -> None:
        with suppress(nvml.NVMLError):  # this GPU does not tell, as with MIG or old drivers
            found[name] = float(ask())

    def memory() -> float:
        info = nvml.nvmlDeviceGetMemoryInfo(handle)
        found["memory"] = 100.0 * info.used / info.total if info.total else 0.0
        return float(info.used)

    read("utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    read("memory_bytes", memory)
    read("temperature", lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    read("power", lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000.0)
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
