"""What a run ran in: interpreter, packages, machine and the environment variables on a list."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

from madang.domain import redact
from madang.domain.events import Environment
from madang.domain.values import value
from madang.workspace import gpu, probe

# Variables that change what a training does. Everything else stays private.
_VARIABLES = frozenset((
    "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "CUBLAS_WORKSPACE_CONFIG", "GROUP_RANK", "HSA_OVERRIDE_GFX_VERSION",
    "JAX_PLATFORMS", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LD_PRELOAD", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR",
    "MASTER_PORT", "NODE_RANK", "RANK", "TMPDIR", "TOKENIZERS_PARALLELISM", "TZ", "VIRTUAL_ENV", "WORLD_SIZE",
    "XLA_FLAGS", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_PREALLOCATE",
))  # fmt: skip
_VARIABLE_PREFIXES = (
    "ACCELERATE_", "BLIS_", "CUDA_", "CUDNN_", "DEEPSPEED_", "GOMP_", "GOTO_", "HF_", "HIP_", "JAX_", "KMP_", "MKL_",
    "MPI_", "NCCL_", "NUMBA_", "NUMEXPR_", "NVIDIA_", "OMP_", "OMPI_COMM_WORLD_", "OPENBLAS_", "PYTHON", "PYTORCH_",
    "RAY_", "ROCM_", "ROCR_", "SKLEARN_", "SLURM_", "TF_", "TORCH", "TRANSFORMERS_", "VECLIB_", "XLA_",
)  # fmt: skip
_PROBE_SECONDS = 30.0
_REPORT_SECONDS = 60.0  # for which what an interpreter has said is believed, if nothing was installed
_MOST_REPORTS = 20
_OF_ONE_RUN = ("MADANG_", "DVC_")  # variables that change from run to run, and tell Python nothing
_INJECTED = f"{os.sep}madang{os.sep}_inject"
_MAX_VALUE = 4096  # characters of one variable


def capture(executable: str, variables: Mapping[str, str]) -> Environment:
    """The environment of a process: ``executable`` is its interpreter, ``variables`` its own environment.

    Facts that cannot be had are left empty; nothing is raised.
    """
    found = interpreter(executable, variables)
    graphics = gpu.describe()
    return Environment(
        python=str(found.get("python", "")),
        implementation=str(found.get("implementation", "")),
        packages=[(str(name), str(version), str(origin)) for name, version, origin in _rows(found.get("packages"))],
        indexes=indexes(variables, str(found.get("prefix", ""))),
        os=operating_system(),
        cpu=processor(),
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        gpus=graphics.names,
        cuda=graphics.cuda,
        variables=listed_variables(variables),
        hostname=platform.node(),
    )


def _rows(value: object) -> list[list[str]]:
    return [row for row in value if isinstance(row, list) and len(row) == 3] if isinstance(value, list) else []


def listed_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables on the list, secrets taken out, and what `madang run` itself has put in."""
    found = {
        name: redact.named(name, value)[:_MAX_VALUE]
        for name, value in sorted(variables.items())
        if name in _VARIABLES or name.startswith(_VARIABLE_PREFIXES)
    }
    path = found.pop("PYTHONPATH", "")
    entries = [entry for entry in path.split(os.pathsep) if not entry.endswith(_INJECTED)]
    return {**found, "PYTHONPATH": os.pathsep.join(entries)} if any(entries) else found


def interpreter(executable: str, variables: Mapping[str, str]) -> dict[str, object]:
    """What the interpreter is and has installed: asked in this process when it is the same one, else by a script.

    Where none is known (a shell script), it is the one that the process would find by the name `python`.
    """
    path = variables.get("PATH", "")
    executable = executable or shutil.which("python", path=path) or shutil.which("python3", path=path) or ""
    if not executable:
        return {}
    same = os.path.abspath(executable) == os.path.abspath(sys.executable)
    if same and (variables.get("PYTHONPATH", "") == os.environ.get("PYTHONPATH", "")):
        return probe.report()
    key = (executable, frozenset(item for item in variables.items() if not item[0].startswith(_OF_ONE_RUN)))
    known = _reports.get(key)
    if known is None or known.until < time.monotonic() or known.looks != _looks(known.found):
        until, asked_at = time.monotonic() + _REPORT_SECONDS, time.time_ns()
        found = _asked(executable, variables)
        looks = _looks(found)
        if not looks or any(changed >= asked_at for changed, _ in looks):
            return found  # nothing, or something was installed meanwhile
        known = _reports[key] = _Report(found, looks, until)
        while len(_reports) > _MOST_REPORTS:
            del _reports[next(iter(_reports))]
    return known.found


@value
class _Report:
    """What an interpreter has said: the runs of one reproduction ask the same one time and again."""

    found: dict[str, object]
    looks: list[tuple[int, int]]
    until: float  # what chooses the interpreter may lie where nobody looks (a file of pyenv's)


_reports: dict[tuple[str, frozenset[tuple[str, str]]], _Report] = {}


def _looks(found: Mapping[str, object]) -> list[tuple[int, int]]:
    """What tells whether something was installed or removed since."""
    watch = found.get("watch")
    looks = []
    for path in watch if isinstance(watch, list) else []:
        try:
            facts = os.stat(str(path))
            looks.append((facts.st_mtime_ns, facts.st_ino))
        except OSError:
            looks.append((0, 0))
    return looks


def _asked(executable: str, variables: Mapping[str, str]) -> dict[str, object]:
    try:
        done = subprocess.run(
            [executable, "-B", probe.__file__],
            env=dict(variables),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}  # no Python, or one that does not start: the run's environment has no packages then
    return found if isinstance(found, dict) else {}


def operating_system() -> str:
    """Distribution, kernel and machine type on one line."""
    facts = os.uname()
    name = ""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = f"macOS {platform.mac_ver()[0]}" if sys.platform == "darwin" else ""
    return ", ".join(filter(None, (name, f"{facts.sysname} {facts.release} {facts.machine}")))


def processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() in ("model name", "Model", "cpu model"):
                    return value.strip()
    except OSError:
        pass
    return platform.processor() if sys.platform == "darwin" else os.uname().machine


def indexes(variables: Mapping[str, str], prefix: str) -> list[str]:
    """Package indexes that pip and uv are told to use, without credentials; empty for the default alone."""
    named = [
        variables.get(name, "")
        for name in (
            "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX_URL", "UV_DEFAULT_INDEX",
            "UV_EXTRA_INDEX_URL", "UV_INDEX",
        )
    ]  # fmt: skip
    for path in _pip_files(variables, prefix):
        named += _pip_settings(path)
    return list(dict.fromkeys(redact.address(_unnamed(item)) for text in named for item in text.split()))


def is_pip_set_up(variables: Mapping[str, str], prefix: str) -> bool:
    """Whether pip is told where to fetch packages, which uv does not read."""
    named = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX")
    return any(variables.get(name) for name in named) or any(
        any(_pip_settings(path)) for path in _pip_files(variables, prefix)
    )


def _unnamed(index: str) -> str:
    """The address alone, where uv wants `name=address`."""
    name, sign, address = index.partition("=")
    return address if sign and "://" not in name else index


def _pip_files(variables: Mapping[str, str], prefix: str) -> list[str]:
    """Where pip looks for settings, the strongest first (pip.pypa.io, "Configuration")."""
    if variables.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = variables.get("HOME", "")
    config = variables.get("XDG_CONFIG_HOME", "") or home + "/.config"
    return [
        variables.get("PIP_CONFIG_FILE", ""), prefix + "/pip.conf", config + "/pip/pip.conf", home + "/.pip/pip.conf",
        "/etc/pip.conf",
    ]  # fmt: skip


def _pip_settings(path: str) -> list[str]:
    if not os.path.isfile(path):
        return []
    import configparser  # noqa: PLC0415 - few users have such files

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return []
    options = ("index-url", "extra-index-url", "find-links")
    return [
        parser.get(section, option, fallback="")
        for section in ("global", "install")
        for option in options
        if parser.has_section(section)
    ]
