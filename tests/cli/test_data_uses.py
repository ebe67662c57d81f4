"""Which runs read which version of some data, asked from both ends."""

from __future__ import annotations

from typing import Any

from madang.testing.project import Project

TABLE, FOLDER = "자료/학습 표.csv", "자료/그림"
READS = f'open("{TABLE}").read(); open("{FOLDER}/1.txt").read()'


def _uses(project: Project, *data: str) -> dict[str, list[str]]:
    found: dict[str, Any] = project.madang("data", "uses", *data, "--json").json
    return {item["version"]: [run["run"] for run in item["runs"]] for item in found["versions"]}


def _run(project: Project) -> str:
    return project.run("--", "python", "train.py")


def _listed(project: Project, data: str) -> set[str]:
    return {run["id"] for run in project.madang("runs", "--data", data, "--json").json["runs"]}


def test_uses_by_version(project: Project) -> None:
    """A file, a folder and a file in a folder: each run stands under the version that it read; changes show."""
    project.commit({"train.py": READS, TABLE: "a\n", f"{FOLDER}/1.txt": "1", f"{FOLDER}/2.txt": "2"})
    project.git("rm", "-rq", "--cached", "자료")
    project.madang("init")
    project.madang("add", TABLE, FOLDER)
    first = _run(project)
    (project.root / TABLE).write_text("b\n")
    (project.root / FOLDER / "1.txt").write_text("changed")
    second = _run(project)
    project.madang("add", TABLE, FOLDER)
    third = _run(project)

    table = _uses(project, TABLE)
    assert sorted(table.values()) == sorted([[first], [second, third]])
    folder = _uses(project, FOLDER)
    (before,) = (version for version, runs in folder.items() if runs == [first])
    assert folder == {before: [first], f"~{before}": [second], folder_version(project): [third]}
    assert sorted(_uses(project, f"{FOLDER}/1.txt").values()) == sorted([[first], [second, third]])
    assert _uses(project, f"{FOLDER}/2.txt") == {}

    assert _listed(project, TABLE) == {first, second, third}
    assert _listed(project, f"{FOLDER}={before}") == {first}
    assert _listed(project, f"{FOLDER}/1.txt") == {first, second, third}
    assert _listed(project, f"{FOLDER}/2.txt") == set()
    assert _listed(project, "no-such-artifact") == set()
    said = project.madang("data", "uses", "train.py", ok=1)
    assert "not tracked" in said.err
    for words in ([], ["--json"]):  # a slip of the pen is no data that nobody read
        assert (
            "neither tracked data nor an artifact" in project.madang("data", "uses", "자료/학슴.csv", *words, ok=1).err
        )


def folder_version(project: Project) -> str:
    """What is recorded of the folder now."""
    return str(project.madang("data", "uses", FOLDER, "--json").json["current"])
