"""A store that this user may not write can be read."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from tests.engine.conftest import ME, RUN, event, make_segment, place

from madang.domain.runs import RunChange
from madang.formats import segment as codec

_READ = """
import sys
from madang.wiring import local_reader
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange
from madang.errors import StorageError
reader = local_reader(store=sys.argv[1])
print(sorted(run.name for run in reader.runs(RunQuery()).runs))
try:
    reader.change(sys.argv[2], RunChange(name="no"))
except StorageError:
    print("refused", sorted(run.name for run in reader.runs(RunQuery()).runs))
reader.close()
"""
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


def _obey_permissions() -> None:
    """Root too: it may otherwise write everything."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def test_a_store_that_may_not_be_written(tmp_path: Path) -> None:
    """Runs and changes are read over an index elsewhere, also a run that was lost, and checked; a change is refused."""
    made = place(tmp_path / "저장소")
    made.write("a" * 32, make_segment(tmp_path, [(0, {"loss": 1.0}), event(codec.FINISHED, status="finished")]))
    made.tracking.change(ME, RUN, RunChange(name="이름"))
    lost = "5" * 32
    made.write("b" * 32, make_segment(tmp_path, [(0, {"loss": 1.0})], run=lost, segment="b" * 32), lost)
    made.records.close()
    store, state = Path(made.store), tmp_path / "state"
    before = sorted(str(path) for path in store.rglob("*"))
    for path in [*store.rglob("*"), store]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", _READ, str(store), RUN]
    done = subprocess.run(command, capture_output=True, check=False, env=environment, preexec_fn=_obey_permissions)
    check = [sys.executable, "-m", "madang", "sync", "--check"]
    checked = subprocess.run(
        check, capture_output=True, check=False, env=environment | {"MADANG_DIR": str(store)},
        preexec_fn=_obey_permissions,
    )  # fmt: skip
    for path in [store, *store.rglob("*")]:
        path.chmod(0o755)
    assert done.stdout.decode().splitlines() == ["['', '이름']", "refused ['', '이름']"], done.stderr.decode()
    assert sorted(str(path) for path in store.rglob("*")) == before
    assert list(state.glob("madang/*/records.db"))
    assert checked.returncode == 0, checked.stderr.decode()
