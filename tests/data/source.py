"""A repository of the real dvc that others import from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.data.helpers import NFC, NFD, Tool, make

DATA = {
    "x": b"1\n",
    f"{NFC}/두 번째.csv": b"two\n",
    NFD: b"nfd",
    "line\nbreak": b"n",
    "deep/a/b": b"deep",
    "deep/empty": b"",
    "n" * 255: b"long",
    "same": b"1\n",
}
PIPELINE = """\
stages:
  one:
    cmd: cp file.csv o.csv && mkdir -p od && printf z > od/z
    deps: [file.csv]
    outs: [o.csv, od]
"""


def git(folder: Path, *line: str) -> str:
    """Git in a folder; its output."""
    done = subprocess.run(["git", "-C", str(folder), *line], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_source(base: Path, dvc: Tool) -> Path:
    """A repository of the real dvc with data, files of Git, a pipeline's outputs, a remote and two commits."""
    folder = base / "src 원본"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "a")
    git(folder, "config", "user.email", "a@b")
    assert dvc(folder, "init", "-q").code == 0
    make(folder / "data", DATA)
    make(
        folder,
        {
            "file.csv": b"f",
            "gitfile": b"g",
            "gd/1": b"1",
            "gd/s/2": b"2",
            "mix/git": b"m",
            "mix/dvced": b"n",
            "mix/sub/o": b"o",
            "dvc.yaml": PIPELINE.encode(),
            ".dvcignore": b"*.tmp\n",
            "gd/hidden.tmp": b"h",
        },
    )
    (folder / "gitfile").chmod(0o755)
    assert dvc(folder, "add", "-q", "data", "file.csv", "mix/dvced", "mix/sub").code == 0
    assert dvc(folder, "remote", "add", "-q", "-d", "store", str(base / "store")).code == 0
    assert dvc(folder, "repro", "-q").code == 0
    assert dvc(folder, "push", "-q").code == 0
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "1")
    git(folder, "tag", "v1")
    make(folder, {"file.csv": b"ff", "gd/3": b"3"})
    assert dvc(folder, "add", "-q", "file.csv").code == 0
    assert dvc(folder, "push", "-q").code == 0
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "2")
    git(base, "clone", "-q", "--bare", str(folder), str(base / "bare.git"))
    return folder
