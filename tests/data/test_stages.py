"""Commands about stages beside the real dvc; and what becomes of stages that fail, are killed or cannot be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.data.test_repro import PIPELINE, files, ran, twin

from madang.testing.patience import wait_for
from madang.workspace.data.repo.locks import PATIENCE
from madang.workspace.pipelines import unchanged, witness

ADDED: tuple[tuple[str, ...], ...] = (
    ("-n", "a", "-d", "in", "-p", "lr,n.m", "-p", "other.json:", "-p", "x.yaml:k,j", "-o", "z", "-O", "y", "cp in z"),
    ("-n", "b", "--desc", "설명 text", "-m", "m.json", "-M", "n.json", "--plots", "p.csv", "echo", "two words", ""),
    ("-n", "c", "-w", "sub", "--always-changed", "--outs-persist", "k", "--outs-persist-no-cache", "l", "true"),
    ("-n", "b", "-f", "-d", "in", "-o", "other", "echo changed"),
)
REFUSED: tuple[tuple[str, ...], ...] = (
    ("-n", "a", "echo again"),
    ("-n", "no.dots", "echo"),
    ("-n", "twice", "-o", "z", "echo"),
    ("-n", "inside", "-o", "z/inner", "echo"),
    ("-n", "circle", "-d", "z", "-o", "in", "echo"),
    ("-n", "itself", "-d", "q", "-o", "q", "echo"),
    ("-n", "nothing"),
    ("-n", "record", "-d", "sub/in.dvc", "true"),
    ("-n", "pipeline", "-d", "dvc.yaml", "true"),
    ("-n", "no-such-option", "--out", "x", "cp in x"),
    ("-n", "nowhere", "-d", "remote://nosuch/x", "true"),
)


def test_stage_add_writes_what_dvc_writes(root: Path, dvc: Tool, madang: Tool) -> None:
    """dvc.yaml and .gitignore are the same bytes after each; what dvc refuses is refused and changes nothing."""
    make(
        root,
        {
            "in": b"1",
            "sub/x": b"",
            "params.yaml": b"lr: 1\nn: {m: 2}\n",
            "dvc.yaml": b"# hand-made\nstages:\n  first:\n    cmd: x  # why\n",
        },
    )
    theirs = twin(root, "theirs")
    for words in ADDED:
        expected, answer = dvc(theirs, "stage", "add", *words), madang(root, "stage", "add", *words)
        assert (answer.code, expected.code) == (0, 0), (words, answer.err, expected.err)
        for name in ("dvc.yaml", ".gitignore"):
            assert (root / name).read_text() == (theirs / name).read_text(), words
    before = (root / "dvc.yaml").read_bytes()
    for words in REFUSED:
        expected, answer = dvc(theirs, "stage", "add", *words), madang(root, "stage", "add", *words)
        assert answer.code == expected.code >= 251, (words, answer.err, expected.err)
        assert (root / "dvc.yaml").read_bytes() == before
    for words in ((), ("--name-only",), ("--all",), ("dvc.yaml", "-R")):
        listed = dvc(theirs, "stage", "list", *words).out
        assert madang(root, "stage", "list", *words).out.split() == listed.split()


def test_freeze_and_unfreeze_write_what_dvc_writes(root: Path, dvc: Tool, madang: Tool) -> None:
    """The files are the same bytes, comments stay, and a stage of a template is refused."""
    make(root, files())
    (root / "dvc.yaml").write_text((root / "dvc.yaml").read_text().replace("  loose:\n", "  loose:  # a comment\n"))
    assert dvc(root, "add", "data.csv").code == 0
    theirs = twin(root, "theirs")
    for words in (("freeze", "loose", "data.csv.dvc"), ("freeze", "loose"), ("unfreeze", "frozen", "loose")):
        expected, answer = dvc(theirs, *words), madang(root, *words)
        assert answer.code == expected.code == 0, (words, answer.err, expected.err)
        for name in ("dvc.yaml", "data.csv.dvc"):
            assert (root / name).read_text() == (theirs / name).read_text(), words
    assert madang(root, "freeze", "train@1").code == dvc(theirs, "freeze", "train@1").code == 1
    assert madang(root, "freeze", "none").code == dvc(theirs, "freeze", "none").code == 1


def test_the_graph_is_shown_as_dvc_shows_it(root: Path, dvc: Tool, madang: Tool) -> None:
    """The same lines for Graphviz and Mermaid, of all and of parts; as text every stage has its box."""
    make(root, files())
    assert dvc(root, "add", "data.csv").code == 0
    for words in (
        ("--dot",), ("--mermaid",), ("--md",), ("--outs", "--dot"), ("--mermaid", "report"), ("--dot", "train@1"),
        ("--dot", "--full", "train@1"), ("--dot", "--collapse-foreach-matrix"),
    ):  # fmt: skip
        expected, answer = dvc(root, "dag", *words), madang(root, "dag", *words)
        assert answer.code == expected.code == 0, (words, answer.err, expected.err)
        assert _named(answer.out) == _named(expected.out), words
    text = madang(root, "dag").out
    assert all(f"| {name} |" in text for name in ("prepare", "train@1", "report", "data.csv.dvc", "callback"))
    assert "*" in text
    assert text.index("prepare") < text.index("train@1") < text.index("report")


def test_outputs_are_shown_folder_by_folder_as_dvc_shows_them(root: Path, dvc: Tool, madang: Tool) -> None:
    """Outputs of one folder stand together, wherever their stages are."""
    stages = (
        "a: {cmd: x, deps: [in], outs: [d/e/1, f/1]}", "b: {cmd: x, outs: [g, d/2]}",
        "c: {cmd: x, deps: [f/1], outs: [d/e/3], metrics: [f/m]}",
    )  # fmt: skip
    make(root, {"dvc.yaml": ("stages:\n  " + "\n  ".join(stages) + "\n").encode(), "in": b""})
    for words in (("--outs", "--mermaid"), ("--outs", "--dot"), ("--mermaid",)):
        assert madang(root, "dag", *words).out == dvc(root, "dag", *words).out


def _named(text: str) -> list[str]:
    """Lines with names in place of Mermaid's numbers, sorted: the order of what is not connected is free."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    names = dict(line.rstrip("]").split("[", 1) for line in lines if line.startswith("node") and "[" in line)
    for number, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        lines = [line.replace(number + "-->", name + "-->") for line in lines]
        lines = [line[: -len(number)] + name if line.endswith("-->" + number) else line for line in lines]
        lines = [name if line.startswith(number + "[") else line for line in lines]
    return sorted(lines)


BAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "circle": (
        "stages:\n  a: {cmd: x, deps: [b.txt], outs: [a.txt]}\n  b: {cmd: x, deps: [a.txt], outs: [b.txt]}\n",
        ("circle", "a (dvc.yaml)", "b (dvc.yaml)", "b.txt"),
    ),
    "one path twice": (
        "stages:\n  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [o]}\n",
        ("output o ", "a (dvc.yaml)", "b (dvc.yaml)"),
    ),
    "a path in another": (
        "stages:\n  a: {cmd: x, outs: [o]}\n  b: {cmd: x, outs: [o/i]}\n",
        ("o/i", "b (dvc.yaml)", "a (dvc.yaml)"),
    ),
    "missing dependency": ("stages:\n  a: {cmd: x, deps: [gone], outs: [o]}\n", ("gone", "stage a", "does not exist")),
    "missing parameter": ("stages:\n  a: {cmd: x, params: [gone], outs: [o]}\n", ("gone", "stage a", "params.yaml")),
    "template": ("stages:\n  a:\n    cmd: x ${gone.key}\n", ("dvc.yaml, line 3, stages.a.cmd", "gone.key")),
    "merge": ("<<<<<<< HEAD\nstages:\n=======\nstages: {}\n>>>>>>> b\n", ("dvc.yaml, line 1", "merge")),
    "output not made": ("stages:\n  a: {cmd: 'true', outs: [o]}\n", ("output o does not exist",)),
    "no such folder": ("stages:\n  a: {cmd: 'true', wdir: gone}\n", ("gone", "stage a")),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_said_with_file_stage_and_path(root: Path, dvc: Tool, madang: Tool, name: str) -> None:
    """Bad input exits as dvc does and names what is wrong."""
    text, words = BAD[name]
    make(root, {"dvc.yaml": text.encode(), "params.yaml": b"lr: 1\n"})
    answer = madang(root, "repro")
    assert answer.code == dvc(root, "repro").code == 255
    assert all(word in answer.err for word in words), answer.err
    assert not (root / "dvc.lock").exists()


def test_a_conflict_of_a_merge_in_the_lock_is_said(root: Path, madang: Tool) -> None:
    """A dvc.lock with both sides of a merge in it is named with its line; with one side taken repro goes on."""
    make(root, {"dvc.yaml": b"stages:\n  a: {cmd: echo 1 > o, outs: [o]}\n"})
    assert madang(root, "repro").code == 0
    lock = root / "dvc.lock"
    good = lock.read_text()
    lock.write_text(good.replace("    outs:\n", "<<<<<<< HEAD\n    outs:\n=======\n>>>>>>> other\n"))
    answer = madang(root, "repro")
    assert answer.code == 255
    assert "dvc.lock, line 5" in answer.err
    lock.write_text(good)
    assert madang(root, "repro").code == 0


HALF = """\
stages:
  make:
    cmd: cp in made && cp in folder/x && test $(cat in) != bad
    deps: [in]
    outs: [made, folder]
    metrics: [m.json: {cache: false}]
"""


def test_a_stage_that_fails_leaves_its_old_outputs(root: Path, madang: Tool) -> None:
    """Cached, uncached and folder outputs are as before; what the command made meanwhile can be had by undo."""
    text = HALF.replace("cp in folder/x", "mkdir -p folder && cp in folder/x && cp in m.json")
    make(root, {"dvc.yaml": text.encode(), "in": b"good\n"})
    assert madang(root, "repro").code == 0
    lock = (root / "dvc.lock").read_bytes()
    make(root, {"in": b"bad\n"})
    answer = madang(root, "repro")
    assert answer.code == 255
    assert "exit code 1" in answer.err
    assert "madang undo" in answer.err
    for name in ("made", "folder/x", "m.json"):
        assert (root / name).read_bytes() == b"good\n", name
    assert (root / "dvc.lock").read_bytes() == lock
    assert madang(root, "undo").code == 0
    assert (root / "made").read_bytes() == b"bad\n"


def test_the_first_stage_of_a_repository_whose_outputs_git_ignores_already(root: Path, madang: Tool) -> None:
    """Nothing has to be there before."""
    make(
        root, {"dvc.yaml": b"stages:\n  a: {cmd: cp in o, deps: [in], outs: [o]}\n", "in": b"x", ".gitignore": b"/o\n"}
    )
    assert madang(root, "repro").code == 0
    assert (root / "o").read_bytes() == b"x"


def test_a_killed_repro_goes_on_where_it_stopped(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the second stage: its old output comes back, the first is not run again, and the rest is made."""
    monkeypatch.setenv(PATIENCE, "true")
    stages = "stages:\n  a: {cmd: cp in a, deps: [in], outs: [a]}\n"
    stages += "  b: {cmd: echo half > b && ./wait && cp a b, deps: [a], outs: [b]}\n"
    make(root, {"dvc.yaml": stages.encode(), "in": b"1\n", "wait": b"#!/bin/sh\n:\n"})
    (root / "wait").chmod(0o755)
    assert madang(root, "repro").code == 0
    make(root, {"in": b"2\n", "wait": b"#!/bin/sh\ntouch reached; sleep 600\n"})
    child = subprocess.Popen([sys.executable, "-m", "madang", "repro"], cwd=root, start_new_session=True)
    wait_for(lambda: child.poll() is not None or (root / "reached").exists())
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert (root / "b").read_bytes() == b"half\n"
    make(root, {"wait": b"#!/bin/sh\n:\n"})
    answer = madang(root, "repro")
    assert answer.code == 0, answer.err
    assert "was killed" in answer.out
    assert ran(answer.out) == {"ran": {"b"}, "restored": set(), "unchanged": {"a"}}
    assert (root / "b").read_bytes() == b"2\n"
    assert not any((root / ".dvc" / "tmp" / "madang" / "stages").iterdir())


def test_independent_stages_run_side_by_side(root: Path, dvc: Tool, madang: Tool) -> None:
    """With -j two stages that wait for each other both end, their lines are told apart, and the lock is whole."""
    meet = "touch {0}.here; n=0; while ! test -e {1}.here; do n=$((n+1)); test $n -lt 999 || exit 1; sleep 0.2; done; "
    text = "stages:\n"
    for one, other in (("left", "right"), ("right", "left")):
        cmd = f"{meet.format(one, other)}echo I am {one}; cp in {one}"
        text += f"  {one}: {{cmd: {json.dumps(cmd)}, deps: [in], outs: [{one}]}}\n"
    text += "  both:\n    cmd: cat left right > both\n    deps: [left, right]\n    outs: [both]\n"
    text += "  bad:\n    cmd: exit 3\n    deps: [in]\n    outs: [bad]\n"
    make(root, {"dvc.yaml": text.encode(), "in": b"x\n"})
    answer = madang(root, "repro", "-j", "4", "--keep-going")
    assert answer.code == 255
    assert "left | I am left" in answer.out
    assert "right | I am right" in answer.out
    assert "exit code 3" in answer.err
    assert (root / "both").read_bytes() == b"x\nx\n"
    make(root, {"dvc.yaml": text[: text.index("  bad:")].encode()})
    assert json.loads(dvc(root, "status", "--json").out) == {}


def content(path: Path) -> bytes:
    """What a file holds that others put there and take away."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_there(group: int) -> bool:
    """Whether a group has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_that_runs_side_by_side(root: Path, madang: Tool, number: int) -> None:
    """Every command ends, every old output is back, and the next look finds nothing left over."""
    text = "stages:\n" + "".join(f"  s{at}: {{cmd: echo 1 > o{at}, outs: [o{at}]}}\n" for at in range(2))
    make(root, {"dvc.yaml": text.encode()})
    assert madang(root, "repro").code == 0
    make(root, {"dvc.yaml": text.replace("echo 1 > o", "echo 2 > o").replace(", outs", "; sleep 600, outs").encode()})
    child = subprocess.Popen([sys.executable, "-m", "madang", "repro", "-j", "2"], cwd=root, start_new_session=True)
    wait_for(lambda: child.poll() is not None or [content(root / name) for name in ("o0", "o1")] == [b"2\n", b"2\n"])
    child.send_signal(number)
    assert child.wait() == 252
    assert [(root / name).read_bytes() for name in ("o0", "o1")] == [b"1\n", b"1\n"]
    wait_for(lambda: not is_there(child.pid))
    make(root, {"dvc.yaml": text.encode()})
    assert "didn't change" in madang(root, "repro").out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_with_all_that_it_started(
    root: Path, madang: Tool, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what a shell waits for, or would leave running; the old output is back."""
    monkeypatch.setenv("SHELL", "/bin/bash")
    make(root, {"dvc.yaml": b"stages:\n  s: {cmd: echo 1 > o, outs: [o]}\n"})
    assert madang(root, "repro").code == 0
    command = "echo 2 > o; sh -c 'echo $$ > new; mv new pid; exec sleep 600'; echo never"
    make(root, {"dvc.yaml": f'stages:\n  s: {{cmd: "{command}", outs: [o]}}\n'.encode()})
    child = subprocess.Popen([sys.executable, "-m", "madang", "repro"], cwd=root, stdin=subprocess.DEVNULL)
    wait_for(lambda: child.poll() is not None or (root / "pid").exists())
    child.send_signal(number)
    assert child.wait() == 255
    assert (root / "o").read_bytes() == b"1\n"
    status = Path(f"/proc/{(root / 'pid').read_text().strip()}/stat")
    wait_for(lambda: content(status).rpartition(b")")[2].split()[:1] in ([], [b"Z"]))


def test_every_execution_is_a_run(root: Path, madang: Tool) -> None:
    """A stage's run has its name, group, parameters, metrics and what it read; a skipped stage has none."""
    text = RECORDED.replace("PYTHON", sys.executable)
    make(root, {"dvc.yaml": text.encode(), "in": b"x\n", "params.yaml": b"lr: 0.5\n", "log.py": SCRIPT.encode()})
    answer = madang(root, "repro", "--json")
    assert answer.code == 0, answer.err
    told = {one["stage"]: one for one in json.loads(answer.out)}
    shown = {name: json.loads(madang(root, "runs", "show", one["run"], "--json").out) for name, one in told.items()}
    assert [shown[name]["name"] for name in ("make", "log")] == ["make", "log"]
    assert len({one["group"] for one in shown.values()}) == 1
    assert shown["make"]["config"]["lr"] == 0.5
    assert shown["make"]["tags"]["madang.stage"] == "make"
    text = json.dumps(shown["make"])
    assert '"in"' in text
    assert "acc" in text
    assert "loss" in json.dumps(shown["log"])
    again = json.loads(madang(root, "repro", "--json").out)
    assert all("run" not in one for one in again)
    assert json.loads(madang(root, "runs", "list", "--json").out)["total"] == 2


RECORDED = """\
stages:
  make:
    cmd: cp in made && echo '{"acc":0.75}' > m.json
    deps: [in]
    params: [lr]
    outs: [made]
    metrics: [m.json]
  log:
    cmd: PYTHON log.py
    deps: [made, log.py]
    outs: [logged]
"""
SCRIPT = """\
import madang
with madang.init() as run:
    run.log({"loss": 1.5})
open("logged", "w").write(open("made").read())
"""


def test_nothing_to_do_is_known_without_looking_at_the_pipelines(
    root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short answer is that of the long way; any change of what it rests on, and any other folder, ends it."""
    make(root, files())
    text = PIPELINE[: PIPELINE.index("  callback:")] + PIPELINE[PIPELINE.index("  frozen:") :]
    make(root, {"dvc.yaml": text.encode(), "elsewhere/x": b"1", ".gitignore": b"# mine\n"})
    assert madang(root, "add", "data.csv").code == 0
    assert madang(root, "repro").code == 0
    assert unchanged.lines(witness.print_of) is None
    time.sleep(2.1 if os.stat(root / "dvc.lock").st_mtime_ns % 1_000_000_000 == 0 else 0.03)
    said = madang(root, "repro").out
    lines = unchanged.lines(witness.print_of)
    assert lines is not None
    assert "\n".join([*lines, unchanged.UP_TO_DATE]) + "\n" == said
    monkeypatch.chdir(root / "elsewhere")
    assert unchanged.lines(witness.print_of) is None
    monkeypatch.chdir(root)
    memo = root / unchanged.NAME
    body = memo.read_bytes()
    told = json.loads(body)
    rests_on = {os.path.relpath(path, root) for path, _ in (*told["looks"], *told["trees"])}
    assert rests_on >= {
        "dvc.yaml", "dvc.lock", "params.yaml", "other.json", "raw", "clean", "model-1", "m-1.json", "data.csv.dvc",
        ".gitignore", "elsewhere", "sub", ".", ".dvc/config", ".dvc/config.local", ".dvc/cache/files/md5/00",
    }  # fmt: skip
    os.utime(root / "raw" / "a")
    assert unchanged.lines(witness.print_of) is None
    for bad in (b"", b"[]", b"{}", b'{"version": 1}', b"\xff"):
        memo.write_bytes(bad)
        assert unchanged.lines(witness.print_of) is None
