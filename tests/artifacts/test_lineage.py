"""What a run read and wrote, and what used a version."""

from __future__ import annotations

from pathlib import Path

from madang.testing.project import Project
from madang.wiring import local_user, open_store

MAKE = """\
import madang
with madang.init(project="p") as run:
    open("table.csv", "w").write("1")
    run.log_artifact("table.csv", "table", "dataset")
"""
USE = """\
import madang
with madang.init(project="p") as run:
    print(open(run.use("table:latest")).read())
    open("notes.txt").read()
"""


def test_both_directions(tmp_path: Path) -> None:
    """A version knows the runs that wrote and used it; a run knows what it read, declared or not, and wrote."""
    project = Project(tmp_path / "project", tmp_path)
    project.commit({"make.py": MAKE, "use.py": USE, "notes.txt": "x", ".gitignore": "table.csv\n"})
    made = project.run("-p", "p", "--", "python", "make.py")
    used = project.run("-p", "p", "--", "python", "use.py")
    engine = open_store(str(project.root))
    try:
        version = engine.lineage.of_version(local_user(), "p", "table:v1")
        assert (version.writers, version.readers) == ([made], [used])
        reader = engine.lineage.of_run(local_user(), used)
        assert [(edge.how, edge.ref) for edge in reader.reads] == [("declared", "table:v1"), ("opened", "notes.txt")]
        writer = engine.lineage.of_run(local_user(), made)
        assert [(edge.how, edge.ref, edge.kind) for edge in writer.writes] == [
            ("wrote", "table:v1", "version"),
            ("wrote", "table.csv", "file"),
        ]
    finally:
        engine.close()
    shown = project.madang("artifacts", "show", "table:v1").out
    assert f"used by     {used[:8]}" in shown
    assert project.madang("artifacts", "show", "table:v1", "--json").json["readers"] == [used]
