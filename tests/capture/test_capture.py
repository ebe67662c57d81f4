"""What is captured of code: everything that is needed to run it again, nothing that is secret."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from madang.backends.git.program import GitProgram
from madang.domain.files import Omitted
from madang.workspace import capture


class Kept(dict[str, bytes]):
    """A store of blobs for tests."""

    def __call__(self, data: bytes) -> str:
        digest = f"blake3:{len(self):064x}"
        self[digest] = data
        return digest


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one committed script."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = tmp_path / "작업 1"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "x")
    git(folder, "config", "user.email", "x@example.org")
    git(folder, "remote", "add", "origin", "https://kim:geheim@example.org/a.git")
    (folder / "train.py").write_text("print(1)\n")
    (folder / "수업.py").write_text("print(2)\n")
    (folder / ".gitignore").write_text("*.log\nsecret_dir/\n")
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "first")
    return folder


def take(repo: Path, **options: str) -> tuple[capture.CapturedCode, Kept]:
    kept = Kept()
    return capture.capture_code(GitProgram(str(repo)), str(repo), kept, **options), kept


def test_a_clean_tree(repo: Path) -> None:
    """A clean tree is its commit, branch and remote; nothing is stored."""
    found, kept = take(repo, entry="train.py")
    code = found.code
    assert (len(code.commit), code.branch, code.dirty, code.diff, code.entry) == (40, "main", False, None, "train.py")
    assert code.remote == "https://example.org/a.git"
    assert not kept
    assert set(found.paths) == {"train.py", "수업.py", ".gitignore"}


def test_changes_and_untracked_sources_are_kept(repo: Path) -> None:
    """The diff and small untracked source files are blobs; what is left out is named with its reason."""
    (repo / "train.py").write_text("print(10)\n")
    (repo / "새 모듈.py").write_text("x = 1\n")
    (repo / "model.bin").write_bytes(b"\0" * 10)
    (repo / "big.py").write_text("#" * (capture.MAX_FILE + 1))
    (repo / "link.py").symlink_to("/etc/passwd")
    (repo / "a.log").write_text("ignored")
    found, kept = take(repo)
    code = found.code
    assert code.dirty
    assert code.diff is not None
    assert b"+print(10)" in kept[code.diff.digest]
    assert len(kept[code.diff.digest]) == code.diff.size
    assert "train.py | 2 +-" in code.diff_stat
    assert [(item.path, kept[item.digest]) for item in code.untracked] == [("새 모듈.py", b"x = 1\n")]
    assert {item.path: item.reason for item in code.skipped} == {
        "model.bin": "not a source file",
        "big.py": f"{capture.MAX_FILE + 1} bytes are over the limit of {capture.MAX_FILE}",
        "link.py": "not a plain file",
    }


def test_what_the_run_wrote_is_not_its_code(repo: Path) -> None:
    """An untracked file that the run has made is passed over."""
    (repo / "metrics.json").write_text("{}")
    kept = Kept()
    found = capture.capture_code(GitProgram(str(repo)), str(repo), kept, without={"metrics.json"})
    assert found.code.untracked == []


def test_an_ignored_script_is_still_the_script(repo: Path) -> None:
    """The entry script is kept though Git ignores it."""
    (repo / "secret_dir").mkdir()
    (repo / "secret_dir/run.py").write_text("x")
    found, _ = take(repo, entry="secret_dir/run.py")
    assert [item.path for item in found.code.untracked] == ["secret_dir/run.py"]


def test_a_diff_with_a_secret_is_withheld_whole(repo: Path) -> None:
    """Neither the diff nor an untracked file with a secret is stored anywhere; every file of them is named."""
    token = "gh" + "p_" + "a1B2" * 9
    (repo / "train.py").write_text(f"print(1)\nTOKEN = '{token}'\n")
    (repo / "수업.py").write_text("print(3)\n")
    (repo / "conf.yaml").write_text(f"github: {token}\n")
    (repo / "fine.py").write_text("x = 1\n")
    found, kept = take(repo)
    code = found.code
    assert code.diff is None
    assert code.dirty
    assert [item.path for item in code.untracked] == ["fine.py"]
    reasons = {item.path: item.reason for item in code.withheld}
    assert reasons.keys() == {"train.py", "conf.yaml", "수업.py"}
    assert all("GitHub token" in reasons[path] for path in ("train.py", "conf.yaml"))
    assert reasons["수업.py"] == "in the same diff as a secret"
    assert token not in str(code)
    assert not any(token.encode() in data for data in kept.values())


def test_a_binary_patch_is_not_searched(repo: Path) -> None:
    """Compressed bytes look like anything; only the text of a diff is searched, and each hit names its file."""
    secret = "TOKEN = 'gh" + "p_" + "a1B2" * 9 + "'"
    part = "diff --git a/{0} b/{0}\nindex 1..2\n{1}\n"
    patch = part.format("a b.py", "+" + secret) + part.format("x.bin", "GIT binary patch\nliteral 9\n" + secret)
    patch += 'diff --git "a/q\\"1.py" "b/q\\"1.py"\n+' + secret + "\n"
    assert [path for path, _ in capture.diff_hits(patch.encode())] == ["a b.py", 'q\\"1.py']


def test_many_untracked_files_stay_within_bounds(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of untracked files is bounded, and so is the list of what was left out."""
    monkeypatch.setattr(capture, "MAX_TOTAL", 250)
    for number in range(capture.MAX_NAMED + 50):
        (repo / f"f{number:04}.py").write_text("x" * 100)
    code = take(repo)[0].code
    assert len(code.untracked) == 2
    assert len(code.skipped) == capture.MAX_NAMED + 1
    assert code.skipped[-1] == Omitted("…", "and 48 more")


def test_without_a_repository_the_script_is_kept(tmp_path: Path) -> None:
    """Outside Git the entry script is all there is."""
    (tmp_path / "a.py").write_text("x")
    kept = Kept()
    found = capture.capture_code(None, str(tmp_path), kept, entry="a.py")
    assert found.code.commit == ""
    assert [item.path for item in found.code.untracked] == ["a.py"]
    assert capture.capture_code(None, str(tmp_path), kept).code.untracked == []


def test_without_git_the_run_says_so(repo: Path) -> None:
    """A missing git program is named on the run, not raised."""
    found = capture.capture_code(GitProgram(str(repo), program="/nowhere/git"), str(repo), Kept(), entry="train.py")
    assert found.code.entry == "train.py"
    assert "git program was not found" in found.code.skipped[0].reason


def test_changes_after_the_start_are_seen(repo: Path) -> None:
    """A file written, or moved into place with an old time, after the start is told; the others are not."""
    os.utime(repo / "train.py", (1, 1))
    time.sleep(0.05)
    start = time.time_ns() // 1000
    time.sleep(0.05)
    (repo / "new.py").write_text("x")
    (repo / "old.py").write_text("x")
    os.utime(repo / "old.py", (1, 1))
    (repo / "old.py").rename(repo / "수업.py")
    assert capture.changed_since(str(repo), ["train.py", "new.py", "수업.py", "gone.py"], start) == [
        "new.py",
        "수업.py",
    ]
    end = time.time_ns() // 1000
    assert capture.changed_since(str(repo), ["train.py", "new.py"], start, end) == ["new.py"]
    time.sleep(0.05)
    (repo / "new.py").write_text("after the end")
    assert capture.changed_since(str(repo), ["train.py", "new.py"], start, end) == []


@pytest.mark.parametrize(
    ("command", "entry"),
    [
        (["python", "train.py", "--lr", "1"], "train.py"),
        (["/usr/bin/python3", "-u", "-X", "dev", "pkg/run.py"], "pkg/run.py"),
        (["python", "-m", "pkg.run", "x"], "pkg/run.py"),
        (["python", "-m", "pkg"], "pkg/__main__.py"),
        (["torchrun", "--nproc", "2", "train.py"], "train.py"),
        (["python", "-c", "print(1)"], ""),
        (["python", "/etc/hostname"], ""),
        (["bash", "go.sh"], "go.sh"),
        ([], ""),
    ],
)
def test_the_entry_script(command: list[str], entry: str, tmp_path: Path) -> None:
    """The script is found among the words of a command line, relative to the root."""
    for name in ("train.py", "pkg/run.py", "pkg/__main__.py", "go.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert capture.entry_script(command, str(tmp_path), str(tmp_path)) == entry
