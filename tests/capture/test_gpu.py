"""GPUs by NVML, with a library that stands in for the driver's."""

from __future__ import annotations

import sys
import types

import pytest

from madang.workspace import gpu


class NVMLError(Exception):
    """What NVML raises."""


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A machine with two GPUs; the second does not tell its power."""
    fake = types.ModuleType("pynvml")

    def power(handle: int) -> int:
        if handle == 1:
            raise NVMLError
        return 123_400

    members = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetName": lambda handle: [b"NVIDIA H200", "NVIDIA L4"][handle],
        "nvmlDeviceGetMemoryInfo": lambda handle: types.SimpleNamespace(total=140 << 30, used=35 << 30),
        "nvmlDeviceGetUtilizationRates": lambda handle: types.SimpleNamespace(gpu=50 + handle),
        "nvmlDeviceGetTemperature": lambda handle, kind: 40 + handle,
        "nvmlDeviceGetPowerUsage": power,
        "nvmlSystemGetCudaDriverVersion": lambda: 12040,
        "nvmlSystemGetDriverVersion": lambda: "550.54.14",
    }
    vars(fake).update(members)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(gpu, "_DRIVER_SIGNS", ("/",))
    monkeypatch.setattr(gpu, "_failed", False)
    return fake


def test_gpus_are_described(nvml: types.ModuleType) -> None:
    """Names with memory, the CUDA version and the driver."""
    assert gpu.describe() == gpu.Graphics(["NVIDIA H200 (140 GiB)", "NVIDIA L4 (140 GiB)"], "12.4 (driver 550.54.14)")


def test_gpus_are_sampled(nvml: types.ModuleType) -> None:
    """Readings by number; what a GPU does not tell is left out."""
    found = gpu.sample()
    assert found["gpu.0.utilization"] == 50
    assert found["gpu.1.temperature"] == 41
    assert found["gpu.0.memory"] == 25
    assert found["gpu.0.memory_bytes"] == 35 << 30
    assert found["gpu.0.power"] == 123.4
    assert "gpu.1.power" not in found


def test_a_driver_that_fails_means_no_gpus(nvml: types.ModuleType) -> None:
    """A driver that does not start is asked once, and one that fails later gives nothing."""

    def fails(*_: object) -> None:
        raise NVMLError

    vars(nvml)["nvmlDeviceGetCount"] = fails
    assert gpu.describe() == gpu.Graphics()
    assert gpu.sample() == {}
    asked = []

    def init() -> None:
        asked.append(1)
        raise NVMLError

    vars(nvml)["nvmlInit"] = init
    for _ in range(3):
        assert gpu.sample() == {}
    assert asked == [1]


def test_without_a_driver_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sign of a driver: the library is not even imported."""
    monkeypatch.setattr(gpu, "_DRIVER_SIGNS", ("/nowhere",))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu.describe() == gpu.Graphics()
    assert gpu.sample() == {}
