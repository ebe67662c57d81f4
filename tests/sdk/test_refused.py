"""A hub that refuses a run for good: its process ends at once and is told why; nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from madang.config import HubConfig
from madang.domain.access import Permission
from madang.wiring import local_user, open_hub

SCRIPT = """
import madang
with madang.init(project="p") as run:
    run.log({"loss": 1.0})
"""


def test_the_reason_is_told_at_once(tmp_path: Path) -> None:
    """Without a token the hub refuses; the process does not wait for its time limit, and says what the hub said."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    engine.access.create_token(local_user(), "mina", Permission.WRITE)
    engine.close()
    madang = str(Path(sys.executable).parent / "madang")
    with subprocess.Popen(
        [madang, "hub", "--store", str(tmp_path / "hub"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            env = {key: value for key, value in os.environ.items() if not key.startswith("MADANG_")}
            env |= {"MADANG_HUB": address, "MADANG_SYNC_TIMEOUT": "250", "XDG_CONFIG_HOME": str(tmp_path)}
            env |= {"MADANG_DIR": str(tmp_path / "store")}
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=True,
                timeout=200,
            )
        finally:
            server.terminate()
    assert "wants a credential" in done.stderr
    assert "madang sync" in done.stderr
    assert len(list((tmp_path / "store").glob("segments/*/*/refused"))) == 1
