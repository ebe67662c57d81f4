"""`madang run` in the user's words."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from madang.testing.project import PROGRAM, Project
from madang.testing.segment_files import segment_files

TRAIN = """\
import argparse, json, sys
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float)
parser.add_argument("--flag", action="store_true")
given = parser.parse_args()
rows = open("data.csv").read().splitlines()
print("학습", given.learning_rate)
print("careful", file=sys.stderr)
json.dump({"acc": 0.5, "nested": {"f1": 1}, "name": "x", "ok": True}, open("metrics.json", "w"))
open("model.bin", "wb").write(b"weights")
"""


def test_unchanged_script(project: Project) -> None:
    """A script that knows nothing of madang leaves parameters, metrics, console, output and code behind."""
    project.commit({"train.py": TRAIN, "data.csv": "1\n2\n", ".gitignore": "metrics.json\nmodel.bin\n"})
    said = project.madang(
        "run", "-P", "seed=3", "--project", "iris", "--name", "first", "--tag", "baseline", "--out", "model.bin",
        "--", "python", "train.py", "--learning-rate", "0.1", "--flag",
    )  # fmt: skip
    first = said.err.splitlines()[0]
    assert len(first) == 32
    assert said.out == "학습 0.1\n"
    assert "careful" in said.err
    run = project.madang("runs", "show", first[:8], "--json").json
    assert run["status"] == "finished"
    assert run["exit_code"] == 0
    assert (run["project"], run["name"]) == ("iris", "first")
    assert run["config"] == {"learning_rate": 0.1, "flag": True, "seed": 3}
    assert "baseline" in run["tags"]
    assert {key: item["last"] for key, item in run["metrics"].items() if "system" not in key} == {
        "acc": 0.5, "nested/f1": 1, "ok": True,
    }  # fmt: skip
    assert [item["path"] for item in run["outputs"]] == ["model.bin"]
    assert run["versions"] == ["model.bin:v1"]
    assert run["code"]["commit"] == project.git("rev-parse", "HEAD").strip()
    assert run["code"]["entry"] == "train.py"
    assert run["opened"].get("data.csv") == "r"
    logs = project.madang("runs", "logs", "first")
    assert logs.out == "학습 0.1\n"
    assert logs.err == "careful\n"


def test_exit_codes(project: Project) -> None:
    """The command's exit code is ours; a killed command counts as 128 + signal; a missing one as 127."""
    project.commit({"x": ""})
    failed = project.run("--", sys.executable, "-c", "raise SystemExit(3)", ok=3)
    killed = project.run("--", "sh", "-c", "kill -9 $$", ok=137)
    runs = {run["id"]: run for run in project.madang("runs", "--json").json["runs"]}
    assert runs[failed]["status"] == "failed"
    assert runs[failed]["exit_code"] == 3
    assert runs[killed]["status"] == "killed"
    assert runs[killed]["signal"] == 9
    assert "no-such-program" in project.madang("run", "--", "no-such-program", ok=127).err
    project.write({"plain.txt": "x"})
    assert "not executable" in project.madang("run", "--", "./plain.txt", ok=126).err
    assert len(project.madang("runs", "--json").json["runs"]) == 2  # what could not start is no run
    project.madang("run", ok=2)


def test_script_that_uses_the_sdk(project: Project) -> None:
    """A script that calls madang.init() logs into the same run, under the launcher's id."""
    project.commit(
        {
            "train.py": "import madang\nwith madang.init(config={'a': 1}) as run:\n    run.log({'loss': 0.5}, step=7)\n"
            "    print(run.id)\n"
        }
    )
    said = project.madang("run", "--project", "p", "--", "python", "train.py", "--b", "2")
    first = said.err.splitlines()[0]
    assert said.out.strip() == first
    run = project.madang("runs", "show", first, "--json").json
    assert run["status"] == "finished"
    assert run["config"] == {"a": 1, "b": 2}
    assert run["metrics"]["loss"]["step"] == 7
    assert len(project.madang("runs", "--json").json["runs"]) == 1


def test_metrics_files(project: Project) -> None:
    """Files by pattern are read, only those that the command wrote; what is no metrics file is told, not fatal."""
    project.commit({"old.json": '{"old": 1}', ".gitignore": "out/\n"})
    code = (
        "import os, json; os.makedirs('out'); json.dump({'f1': 0.25}, open('out/a.json','w'));"
        "json.dump({'f1': float('nan')}, open('out/b.json','w')); open('out/c.json','w').write('[1')"
    )
    said = project.madang("run", "--metrics", "out/*.json", "--metrics", "old.json", "--", "python", "-c", code)
    assert "out/c.json is not a file of metrics" in said.err
    run = project.madang("runs", "show", said.err.splitlines()[0], "--json").json
    logged = {key: item["last"] for key, item in run["metrics"].items() if "system" not in key}
    assert logged == {"out/a/f1": 0.25, "out/b/f1": "NaN"}
    assert any("out/c.json" in alert["text"] for alert in run["alerts"])


def test_output_passes_at_once(project: Project) -> None:
    """What the command prints is there before it ends, byte for byte, and progress bars are one line of the record."""
    project.commit({"x": ""})
    code = (
        "import sys, time\n"
        "for i in range(3): sys.stdout.write(f'\\r{i}/3'); sys.stdout.flush()\n"
        "sys.stdout.write('\\n\\x1b[31mred\\x1b[0m\\n'); sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff\\n')\n"
        "sys.stdout.flush(); time.sleep(600)\n"
    )
    command = [PROGRAM, "run", "--", sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=project.root, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        got = b""
        while b"\xff\n" not in got:
            got += os.read(child.stdout.fileno(), 100)
        assert got == b"\r0/3\r1/3\r2/3\n\x1b[31mred\x1b[0m\n\xff\n"
        run = child.stderr.readline().decode().strip()
        child.send_signal(signal.SIGTERM)
        assert child.wait() == 128 + signal.SIGTERM
    assert project.madang("runs", "logs", run).out == "2/3\nred\n\ufffd\n"
    assert project.madang("runs", "show", run, "--json").json["status"] == "killed"


def test_interrupt_reaches_the_command_once(project: Project, tmp_path: Path) -> None:
    """SIGINT to the launcher reaches the command, which may clean up and choose its exit code."""
    project.commit({"x": ""})
    told = tmp_path / "told"
    code = (
        "import sys, time\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(600)\n"
        f"except KeyboardInterrupt:\n    time.sleep(0.5); open({str(told)!r}, 'a').write('once '); sys.exit(5)\n"
    )
    command = [PROGRAM, "run", "--", sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=project.root, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        assert child.wait() == 5
    assert told.read_text() == "once "


def test_terminal(project: Project) -> None:
    """On a terminal the command sees a terminal, and Ctrl-C ends it once."""
    project.commit({"ask.py": "import sys; print(sys.stdout.isatty(), flush=True); input(); print('never')"})
    main, other = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _LEADER, PROGRAM, "run", "--", "python", "ask.py"],
        cwd=project.root, env=project.env, stdin=other, stdout=other, stderr=other, start_new_session=True,
    )  # fmt: skip
    os.close(other)
    got = b""
    while b"True" not in got:
        got += os.read(main, 1000)
    time.sleep(0.2)
    os.write(main, b"\x03")
    code_of_it = child.wait()
    os.close(main)
    assert code_of_it == 128 + signal.SIGINT
    runs = project.madang("runs", "--json").json["runs"]
    assert [run["status"] for run in runs] == ["killed"]


# Makes the pseudo terminal the controlling one, as a shell does, then becomes the command.
_LEADER = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("part", ["--out", "--model"])
def test_missing_output(project: Project, part: str) -> None:
    """An output that the command has not left is told on standard error and on the run; the exit code stays."""
    project.commit({"x": ""})
    value = "gone.bin" if part == "--out" else "gone.bin:name"
    said = project.madang("run", part, value, "--", "true")
    assert "gone.bin" in said.err
    run = project.madang("runs", "show", said.err.splitlines()[0], "--json").json
    assert run["status"] == "finished"
    assert any("gone.bin" in alert["text"] for alert in run["alerts"])


def test_secrets_are_not_recorded(project: Project) -> None:
    """A secret among the arguments and parameters is masked in the record, while the command gets it."""
    project.commit({"x": ""})
    secret = "hf_" + "aB3dE6gH9jK2mN5pQ8sT" + "1uV4wX7yZ0"
    said = project.madang(
        "run", "-P", f"api_key={secret}", "--", sys.executable, "-c", "import sys; print(len(sys.argv[2]))",
        "--token", secret,
    )  # fmt: skip
    assert said.out == f"{len(secret)}\n"
    assert secret not in project.madang("runs", "show", said.err.splitlines()[0], "--json").out
    folders = {path.parent for path in project.store.rglob("*.seg*")}
    assert not any(secret.encode() in data for folder in folders for data in segment_files(folder).values())


def test_a_reader_that_goes_ends_the_command(project: Project) -> None:
    """When nobody reads the output any more, the command is told so by a signal, as without us; it never waits."""
    project.commit({"x": ""})
    child = subprocess.Popen(
        [PROGRAM, "run", "--", sys.executable, "-c", "while True: print('x' * 999)"],
        cwd=project.root,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.read(10) == b"x" * 10
    child.stdout.close()
    assert child.wait() in (1, 120, 128 + signal.SIGPIPE)
    assert child.stderr is not None
    child.stderr.close()
