"""SQLite never lies on a network file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.backends.records.place import records_path


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system(tmp_path: Path, kind: str) -> None:
    """The records of a store there lie in the user's state folder, each store's in its own."""
    home, shared = tmp_path / "state", tmp_path / "공유 share"
    (shared / "a").mkdir(parents=True)
    mounts = tmp_path / "mounts"
    escaped = str(shared).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {escaped} {kind} rw 0 0\nbroken\n")
    env = {"XDG_STATE_HOME": str(home)}
    one = records_path(str(shared / "a"), env, str(mounts))
    assert one.startswith(f"{home}/madang/")
    assert Path(one).parent.is_dir()
    assert one != records_path(str(shared / "b"), env, str(mounts))
    assert records_path(str(tmp_path), env, str(mounts)) == f"{tmp_path}/records.db"


def test_where_mounts_cannot_be_told(tmp_path: Path) -> None:
    """Without a list of mounts the records lie in the store."""
    assert records_path(str(tmp_path), {}, str(tmp_path / "none")) == f"{tmp_path}/records.db"
