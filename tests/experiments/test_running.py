"""Experiments in the work tree and beside it: nothing of the user's is lost, and the runs are found again."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read
from tests.experiments.conftest import git

from madang.workspace.data.repo.repository import open_repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.commits import Ref


def files(folder: Path) -> dict[str, bytes]:
    """What the user sees."""
    return {name: body for name, body in read(folder).items() if not name.startswith((".git/", ".dvc/"))}


def pipeline(name: str, command: str, *lines: str) -> bytes:
    """A dvc.yaml of one stage."""
    return "".join([f"stages:\n  {name}:\n    cmd: {command}\n", *(f"    {line}\n" for line in lines)]).encode()


def test_runs_know_their_experiment(project: Path, madang: Tool) -> None:
    """The runs of the stages carry the experiment's name, are one group, and the command is told its name."""
    make(project, {"dvc.yaml": pipeline("one", "echo $DVC_EXP_NAME > name.txt", "params: [lr]", "outs: [name.txt]")})
    assert madang(project, "exp", "run", "-S", "lr=0.5", "-n", "half").code == 0
    assert (project / "name.txt").read_text() == "half\n"
    found = json.loads(madang(project, "runs", "--filter", "tags.experiment = 'half'", "--json").out)
    assert [(one["name"], one["group"]) for one in found["runs"]] == [("one", "half")]


def test_apply_takes_nothing_away(project: Path, madang: Tool) -> None:
    """What `exp apply` replaces, code that was never committed included, `undo` brings back byte by byte."""
    assert madang(project, "exp", "run", "--temp", "-S", "lr=0.5", "-n", "half").code == 0
    make(project, {"train.py": b"mine\n", "notes.txt": b"mine\n", "dvc.lock": b"", "metrics.json": b"{}"})
    (project / "run.sh").write_bytes(b"#!/bin/sh\n")
    (project / "run.sh").chmod(0o755)
    git(project, "add", "run.sh")
    before, index = files(project), git(project, "ls-files", "-s")
    assert madang(project, "exp", "apply", "--no-force", "half").code == 255
    assert files(project) == before
    answer = madang(project, "exp", "apply", "half")
    assert answer.code == 0, answer.err
    assert b"mine" not in (project / "train.py").read_bytes()
    assert (project / "notes.txt").read_bytes() == b"mine\n"
    assert (project / "run.sh").exists()
    assert git(project, "ls-files", "-s") == index
    assert madang(project, "undo").code == 0
    (project / "model.bin").unlink()
    (project / "data.txt").unlink()
    assert files(project) == before
    assert (project / "run.sh").stat().st_mode & stat.S_IXUSR


def test_apply_deletes_links_and_makes_programs(project: Path, madang: Tool) -> None:
    """Deleted files, links and programs come as they are in the experiment; a folder in the way goes aside."""
    (project / "link").symlink_to("train.py")
    make(project, {"tool.sh": b"#!/bin/sh\n", "plain": b"a file\n"})
    (project / "tool.sh").chmod(0o755)
    git(project, "rm", "-q", "--cached", "params.yaml")
    git(project, "add", "link", "tool.sh", "plain")
    shutil.copy(project / "params.yaml", project.parent / "params.yaml")
    (project / "params.yaml").unlink()
    assert madang(project, "exp", "save", "-n", "odd").code == 0
    git(project, "reset", "-q", "--hard")
    (project / "plain").mkdir()
    (project / "plain" / "inside").write_bytes(b"mine\n")
    answer = madang(project, "exp", "apply", "odd")
    assert answer.code == 0, answer.err
    assert not (project / "params.yaml").exists()
    assert (project / "link").readlink() == Path("train.py")
    assert (project / "tool.sh").stat().st_mode & stat.S_IXUSR
    assert (project / "plain").read_bytes() == b"a file\n"
    assert madang(project, "undo").code == 0
    assert (project / "plain" / "inside").read_bytes() == b"mine\n"
    assert (project / "params.yaml").exists()


@pytest.mark.parametrize("name", ["../outside", ".git/hooks/x", ".GIT/x", "a/../../outside"])
def test_apply_writes_into_the_work_tree_alone(project: Path, madang: Tool, name: str) -> None:
    """A tree that a stranger made up leads nowhere else."""
    blob = git(project, "hash-object", "-w", "train.py").strip()
    parts, tree, kind = name.split("/"), blob, "100644 blob"
    for part in reversed(parts):
        made = subprocess.run(
            ["git", "-C", str(project), "hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
            input=kind.split()[0].lstrip("0").encode() + b" " + part.encode() + b"\0" + bytes.fromhex(tree),
            capture_output=True, check=True,
        )  # fmt: skip
        tree, kind = made.stdout.decode().strip(), "40000 tree"
    commit = git(project, "commit-tree", tree, "-p", "HEAD", "-m", "evil").strip()
    git(project, "update-ref", f"refs/exps/{commit_ref(project)}/evil", commit)
    before = files(project)
    answer = madang(project, "exp", "apply", "evil")
    assert answer.code == 255
    assert "Traceback" not in answer.err
    assert files(project) == before
    assert not (project.parent / "outside").exists()
    assert not (project / ".git" / "hooks" / "x").exists()


def raw_tree(project: Path, *entries: tuple[str, str, str]) -> str:
    """A tree of (mode, name, object), as no git would write it."""
    body = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(made) for mode, name, made in entries)
    command = ["git", "-C", str(project), "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    return subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode().strip()


def test_apply_writes_through_no_link_of_the_experiment(project: Path, madang: Tool) -> None:
    """A made-up tree that has one name twice, as a link to elsewhere and as a folder, writes nothing there."""
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (project.parent / "target").write_text(str(elsewhere))
    blob = git(project, "hash-object", "-w", "train.py").strip()
    link = git(project, "hash-object", "-w", str(project.parent / "target")).strip()
    tree = raw_tree(project, ("120000", "a", link), ("40000", "a", raw_tree(project, ("100644", "key", blob))))
    commit = git(project, "commit-tree", tree, "-p", "HEAD", "-m", "evil").strip()
    git(project, "update-ref", f"refs/exps/{commit_ref(project)}/evil", commit)
    answer = madang(project, "exp", "apply", "evil")
    assert answer.code == 255
    assert "Do not trust its author" in answer.err
    assert not list(elsewhere.iterdir())
    assert madang(project, "undo").code == 0
    assert (project / "params.yaml").exists()


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b"])
def test_names_with_signs_that_end_lines_elsewhere(project: Path, madang: Tool, name: str) -> None:
    """Git allows them, so a remote may bring them; all other experiments can be worked with still."""
    git(project, "update-ref", f"refs/exps/{commit_ref(project)}/{name}", "HEAD")
    git(project, "update-ref", f"refs/exps/{commit_ref(project)}/plain", "HEAD")
    for arguments in (("list", "-A"), ("list", "-A", "."), ("remove", "plain")):
        answer = madang(project, "exp", *arguments)
        assert answer.code == 0, answer.err


def test_a_remote_names_no_pattern(project: Path) -> None:
    """Fetching a ref with a star in it would replace all experiments of a commit; with a colon, any ref."""
    place = f"refs/exps/{commit_ref(project)}"
    commit = git(project, "rev-parse", "HEAD").strip()
    told = [Ref(f"{place}/{name}", commit, 0) for name in ("plain", "*", "x:refs", "x?", "x y", "x\\", "x\n")]
    with closing(open_repository(str(project))) as repository, pytest.MonkeyPatch.context() as patch:
        patch.setattr(commits, "remote_refs", lambda *_: told)
        assert [one.name for one in refs.remote_experiments(repository, "origin")] == ["plain"]


def commit_ref(project: Path) -> str:
    """The part of a ref that names the present commit."""
    head = git(project, "rev-parse", "HEAD").strip()
    return f"{head[:2]}/{head[2:]}"


def test_a_link_in_the_way_is_not_followed(project: Path, madang: Tool) -> None:
    """Where an experiment has a folder and the user a link to one elsewhere, nothing is written through the link."""
    make(project, {"sub/file.txt": b"theirs\n"})
    assert madang(project, "exp", "save", "-n", "one", "-I", "sub/file.txt").code == 0
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (project / "sub" / "file.txt").unlink()
    (project / "sub").rmdir()
    (project / "sub").symlink_to(elsewhere)
    answer = madang(project, "exp", "apply", "one")
    assert answer.code == 0, answer.err
    assert (project / "sub" / "file.txt").read_bytes() == b"theirs\n"
    assert not list(elsewhere.iterdir())
    assert madang(project, "undo").code == 0
    assert (project / "sub").is_symlink()


def test_a_failed_run_leaves_no_experiment(project: Path, madang: Tool) -> None:
    """A stage that fails: exit code 255, no ref; outputs of before are back; beside the work tree nothing is left."""
    assert madang(project, "exp", "run", "-n", "good").code == 0
    before = files(project)
    for where in ([], ["--temp"]):
        answer = madang(project, "exp", "run", *where, "-S", "lr=-1", "-n", "bad")
        assert answer.code == 255
        assert "train" in answer.err
    assert madang(project, "exp", "list", "--name-only").out == "good\n"
    make(project, {"params.yaml": before["params.yaml"]})
    assert files(project) == before
    assert not list(project.glob(".git/madang/experiments/trees/*"))
    assert git(project, "worktree", "list").count("\n") == 1


def test_elsewhere_the_users_index_and_files_stay(project: Path, madang: Tool) -> None:
    """With --temp staged, changed and untracked files all come along as a run would need them, and stay as they are."""
    make(project, {"staged.txt": b"1\n", "extra.txt": b"untracked\n", "lib/deep.txt": b"deep\n"})
    command = "cat staged.txt code.txt extra.txt lib/deep.txt > all.txt"
    make(project, {"dvc.yaml": pipeline("one", command, "deps: [staged.txt, code.txt]", "outs: [all.txt]")})
    make(project, {"code.txt": b"code, not added\n"})
    git(project, "add", "staged.txt")
    make(project, {"staged.txt": b"2\n"})
    before, status = files(project), git(project, "status", "--porcelain")
    answer = madang(project, "exp", "run", "--temp", "-n", "all", "-C", "extra.txt", "-C", "lib")
    assert answer.code == 0, answer.err
    assert files(project) == before
    assert git(project, "status", "--porcelain") == status
    assert madang(project, "exp", "apply", "all").code == 0
    assert (project / "all.txt").read_bytes() == b"2\ncode, not added\nuntracked\ndeep\n"
    answer = madang(project, "exp", "run", "--temp", "-C", "nowhere")
    assert answer.code == 255
    assert "nowhere" in answer.err


def test_from_a_folder_below(project: Path, madang: Tool) -> None:
    """In a sub folder with a pipeline of its own, parameters and copies are those of that folder."""
    pipeline = b"stages:\n  one:\n    cmd: cp p.yaml out.txt\n    params:\n    - p.yaml: [a]\n    outs: [out.txt]\n"
    make(project, {"sub/dvc.yaml": pipeline, "sub/p.yaml": b"a: 1\n"})
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "sub")
    answer = madang(project / "sub", "exp", "run", "--temp", "-S", "p.yaml:a=2", "-n", "two")
    assert answer.code == 0, answer.err
    assert madang(project / "sub", "exp", "apply", "two").code == 0
    assert (project / "sub" / "out.txt").read_bytes() == b"a: 2\n"
    assert not (project / "model.bin").exists()


def test_korean_everywhere(tmp_path: Path, project: Path, madang: Tool) -> None:
    """A repository, a user, names, parameters and messages in Korean."""
    home = tmp_path / "저장소"
    project.rename(home)
    git(home, "config", "user.name", "이름")
    make(home, {"매개.yaml": "학습률: 0.1\n이름: 모델\n".encode()})
    make(
        home,
        {"dvc.yaml": pipeline("학습", "cp 매개.yaml 결과.txt", "params: [{매개.yaml: [이름]}]", "outs: [결과.txt]")},
    )
    git(home, "add", "--all")
    git(home, "commit", "-q", "-m", "시작")
    for where in ([], ["--temp"], ["--queue"]):
        name = f"실험{len(where)}{''.join(where)[2:]}"
        answer = madang(home, "exp", "run", *where, "-S", f"매개.yaml:이름=새 {name}", "-n", name, "-m", "메시지")
        assert answer.code == 0, answer.err
    assert madang(home, "exp", "run", "--run-all").code == 0
    assert sorted(madang(home, "exp", "list", "--name-only").out.split()) == ["실험0", "실험1queue", "실험1temp"]
    assert madang(home, "exp", "apply", "실험1queue").code == 0
    assert "새 실험1queue" in (home / "결과.txt").read_text()
    ref = git(home, "for-each-ref", "--format=%(refname)", "refs/exps/*/*/실험0").strip()
    assert git(home, "log", "-1", "--format=%s", ref) == "메시지\n"


def test_dry_and_force(project: Path, madang: Tool) -> None:
    """--dry says what would run and changes nothing; a name is taken until --force, which runs all of it again."""
    before = files(project)
    answer = madang(project, "exp", "run", "--dry", "-S", "lr=0.5")
    assert answer.code == 0, answer.err
    assert "python3 train.py" in answer.out
    assert files(project) == before
    assert madang(project, "exp", "list").out == ""
    assert madang(project, "exp", "run", "-n", "one").code == 0
    assert madang(project, "exp", "run", "-n", "one").code == 255
    answer = madang(project, "exp", "run", "-n", "one", "--force")
    assert answer.code == 0
    assert "python3 train.py" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["exp", "run", "-S", "lr=1,2"], "--queue"),
        (["exp", "run", "-S", "unknown=1"], "unknown"),
        (["exp", "run", "-S", "lr"], "lr"),
        (["exp", "run", "-S", "other.yaml:lr=1"], "other.yaml"),
        (["exp", "run", "-n", "a/b"], "a/b"),
        (["exp", "run", "-n", "a..b"], "a..b"),
        (["exp", "run", "nothing"], "nothing"),
        (["exp", "apply", "nothing"], "nothing"),
        (["exp", "branch", "nothing"], "nothing"),
        (["exp", "diff", "nothing"], "nothing"),
        (["exp", "remove", "nothing"], "nothing"),
        (["exp", "rename", "nothing", "new"], "nothing"),
        (["exp", "show", "--rev", "nothing"], "nothing"),
        (["exp", "show", "--sort-by", "nothing"], "nothing"),
        (["exp", "save", "-I", "nothing"], "nothing"),
        (["exp", "list", "nowhere"], "nowhere"),
        (["exp", "push", "nowhere"], "nowhere"),
        (["queue", "logs", "nothing"], "nothing"),
    ],
)
def test_bad_input(project: Path, madang: Tool, arguments: list[str], words: str) -> None:
    """Each mistake has one clear message, names the thing, and changes nothing."""
    before = files(project)
    answer = madang(project, *arguments)
    assert answer.code != 0
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert files(project) == before
    assert not git(project, "for-each-ref", "refs/exps").strip()


def test_without_git_or_a_commit(tmp_path: Path, madang: Tool) -> None:
    """Where there is no commit to vary it is said so."""
    assert madang(tmp_path, "exp", "show").code == 253
    git(tmp_path, "init", "-q")
    assert madang(tmp_path, "init").code == 0
    for command in (["show"], ["run"], ["save"], ["list"]):
        answer = madang(tmp_path, "exp", *command)
        assert answer.code in (1, 255), command
        assert "no commit" in answer.err


def test_names_are_made_up(project: Path, madang: Tool) -> None:
    """Without --name an experiment is called by an adjective and a noun, never twice the same."""
    for _ in range(3):
        assert madang(project, "exp", "save").code == 0
    names = madang(project, "exp", "list", "--name-only").out.split()
    assert len(set(names)) == 3
    assert all("-" in name for name in names)
    answer = madang(project, "exp", "remove", "--keep", names[0])
    assert answer.code == 0, answer.err
    assert madang(project, "exp", "list", "--name-only").out.split() == [names[0]]
    assert madang(project, "exp", "remove", "-A").code == 0
    assert madang(project, "exp", "list", "-A").out == ""


def test_another_commit(project: Path, madang: Tool) -> None:
    """--rev varies a commit as it is there, whatever the work tree holds, and belongs to it."""
    old = git(project, "rev-parse", "HEAD").strip()
    make(project, {"params.yaml": b"lr: 9\n"})
    git(project, "commit", "-q", "-a", "-m", "other")
    make(project, {"train.py": b"broken", "raw.txt": b"others\n"})
    assert madang(project, "exp", "run", "--rev", "HEAD~1", "-n", "no").code == 255
    for where in ("--temp", "--queue"):
        answer = madang(project, "exp", "run", where, "--rev", "HEAD~1", "-S", "epochs=7", "-n", f"old{where}")
        assert answer.code == 0, answer.err
    assert madang(project, "exp", "run", "--run-all").code == 0
    found = json.loads(madang(project, "exp", "list", "-A", "--json").out)
    assert {commit: [one["name"] for one in held] for commit, held in found.items()} == {
        old: ["old--queue", "old--temp"]
    }
    changes = git(project, "diff", "--stat", old, found[old][0]["commit"])
    assert "train.py" not in changes
    assert "raw.txt" not in changes


def test_pushed_unasked(project: Path, madang: Tool) -> None:
    """With exp.auto_push an experiment is in the git remote and its data in the remote, or it is told why not."""
    hub = project.parent / "hub.git"
    git(project, "clone", "-q", "--bare", str(project), str(hub))
    git(project, "remote", "add", "upstream", str(hub))
    for key, value in (("exp.auto_push", "true"), ("exp.git_remote", "upstream")):
        assert madang(project, "config", key, value).code == 0
    answer = madang(project, "exp", "run", "--temp", "-n", "one")
    assert answer.code == 0, answer.err
    assert "No remote" in answer.err
    assert madang(project, "remote", "add", "-d", "data", str(project.parent / "data")).code == 0
    answer = madang(project, "exp", "run", "--temp", "-S", "lr=0.5", "-n", "two")
    assert answer.code == 0, answer.err
    assert sorted(madang(project, "exp", "list", "upstream", "--name-only").out.split()) == ["one", "two"]
    assert madang(project, "exp", "push", "upstream", "--json").out.count('"two"') == 1
    assert json.loads(madang(project, "exp", "push", "upstream", "two", "--json").out)["files"] == 0


def test_a_repository_in_a_folder_of_git(project: Path, madang: Tool) -> None:
    """A data repository below git's root: the same, and what lies beside it is not touched."""
    sub = project / "inner"
    sub.mkdir()
    assert madang(sub, "init", "--subdir").code == 0
    make(sub, {"dvc.yaml": pipeline("one", "cp params.yaml out.txt", "params: [a]", "outs: [out.txt]")})
    make(sub, {"params.yaml": b"a: 1\n"})
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "inner")
    for where in ([], ["--temp"], ["--queue"]):
        value = len(where) + len("".join(where))
        answer = madang(sub, "exp", "run", *where, "-S", f"a={value}", "-n", f"n{value}")
        assert answer.code == 0, answer.err
    assert madang(sub, "exp", "run", "--run-all").code == 0
    make(project, {"train.py": b"mine\n"})
    answer = madang(sub, "exp", "apply", "n8")
    assert answer.code == 255
    assert "train.py" in answer.err
    git(project, "checkout", "-q", "train.py")
    assert madang(sub, "exp", "apply", "n8").code == 0
    assert (sub / "out.txt").read_bytes() == b"a: 8\n"


def test_in_the_middle_of_a_merge(project: Path, madang: Tool) -> None:
    """While git has conflicts no experiment is made, and it is said why."""
    git(project, "checkout", "-q", "-b", "other")
    make(project, {"params.yaml": b"lr: 1\n"})
    git(project, "commit", "-q", "-a", "-m", "other")
    git(project, "checkout", "-q", "main")
    make(project, {"params.yaml": b"lr: 2\n"})
    git(project, "commit", "-q", "-a", "-m", "main")
    subprocess.run(["git", "-C", str(project), "merge", "-q", "other"], capture_output=True, check=False)
    for command in (["run", "--temp"], ["save"], ["run", "--queue"]):
        answer = madang(project, "exp", *command, "-n", "one")
        assert answer.code in (1, 255)
        assert "merge" in answer.err or "conflict" in answer.err, answer.err
    assert not git(project, "for-each-ref", "refs/exps").strip()


def test_runs_elsewhere_are_whole(project: Path, madang: Tool) -> None:
    """The runs of an experiment beside the work tree have their code and environment, though that place is gone."""
    names = [f"s{number}" for number in range(4)]
    stages = [pipeline(name, f"echo {name} > {name}.txt", "params: [lr]", f"outs: [{name}.txt]") for name in names]
    body = b"stages:\n" + b"".join(one.removeprefix(b"stages:\n") for one in stages)
    make(project, {"dvc.yaml": body})
    assert madang(project, "exp", "run", "--temp", "-S", "lr=0.5", "-n", "half").code == 0
    found = json.loads(madang(project, "runs", "--filter", "tags.experiment = 'half'", "--json").out)["runs"]
    assert sorted(one["name"] for one in found) == names
    for one in found:
        run = json.loads(madang(project, "runs", "show", one["id"], "--json").out)
        run = run.get("run", run)
        assert run["code"]["commit"] == git(project, "rev-parse", "HEAD").strip()
        assert "params.yaml" in run["code"]["diff_stat"]
        assert run["environment"]
