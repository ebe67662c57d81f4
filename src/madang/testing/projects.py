"""The conformance suite of registered projects, and of collections that are renamed and taken away.

Subclass `ProjectsConformance` in a test module, with a fixture ``records`` that yields empty records.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from madang.domain.projects import RegisteredProject
from madang.domain.versions import Entry, PointerChange, VersionRecord
from madang.errors import Conflict, NotFound
from madang.ports.projects import ProjectRecords
from madang.ports.records import RunRecords
from madang.ports.tombstones import Tombstones
from madang.ports.versions import VersionRecords
from madang.testing.records import make_run

ENTRY = Entry("f", "blake3:" + "0" * 64, 1)


class HasProjects(Protocol):
    """Records that know projects."""

    @property
    def projects(self) -> ProjectRecords: ...  # noqa: D102 - the protocol says it
    @property
    def runs(self) -> RunRecords: ...  # noqa: D102 - as above
    @property
    def tombstones(self) -> Tombstones: ...  # noqa: D102 - as above
    @property
    def versions(self) -> VersionRecords: ...  # noqa: D102 - as above


def version(name: str) -> VersionRecord:
    """A version to be made."""
    return VersionRecord("p", name, "model", 0, "d", 1, 1, 5)


class ProjectsConformance:
    """What every database does."""

    def test_a_project_comes_back(self, records: HasProjects) -> None:
        """By number, title and name, as it was put; numbers go on from the greatest."""
        assert (records.projects.all(), records.projects.next_number()) == ([], 1)
        made = RegisteredProject(7, "이름", "제목: ok/?", 1, 2, 0, "s3://b", {"k": "v"})
        records.projects.put(made)
        for found in (
            records.projects.get(7),
            records.projects.by_title("제목: ok/?"),
            records.projects.by_name("이름"),
        ):
            assert found == made
        changed = replace(made, title="new", deleted_at=9, tags={})
        records.projects.put(changed)
        assert records.projects.all() == [changed]
        assert records.projects.by_title("제목: ok/?") is None
        assert records.projects.next_number() == 8

    def test_a_title_is_one_projects(self, records: HasProjects) -> None:
        """Another project cannot take it, and nothing of it stays."""
        records.projects.put(RegisteredProject(1, "a", "same", 1, 1))
        with pytest.raises(Conflict):
            records.projects.put(RegisteredProject(2, "b", "same", 1, 1))
        assert [item.name for item in records.projects.all()] == ["a"]

    def test_projects_of_runs_wait_for_a_number(self, records: HasProjects) -> None:
        """Oldest first; a description alone gives none, and one that was deleted is in no list. Lists tell titles."""
        for number, project in ((30, "young"), (10, "old"), (20, "old")):
            records.runs.put(make_run(number, project))
        records.runs.describe_project("young", "text", 1)
        assert [name for name, _ in records.projects.unregistered()] == ["old", "young"]
        records.projects.put(RegisteredProject(1, "old", "새 이름", 1, 1))
        records.projects.put(RegisteredProject(2, "empty", "empty", 1, 1, deleted_at=5))
        assert [name for name, _ in records.projects.unregistered()] == ["young"]
        assert {item.name: item.title for item in records.runs.projects()} == {"old": "새 이름", "young": "young"}

    def test_collections_are_made_renamed_and_dropped(self, records: HasProjects) -> None:
        """A name is taken once, free after a renaming or a drop; versions and aliases move along."""
        versions = records.versions
        versions.make("p", "a", "model", 5)
        with pytest.raises(Conflict):
            versions.make("p", "a", "model", 6)
        for _ in range(2):
            versions.add(replace(version("a"), run="c" * 32), [ENTRY], fresh=True)
        versions.point(PointerChange("p", "a", "best", 1, None, "me", 6))
        versions.rename("p", "a", "b", 7)
        assert (versions.named("a", "model"), versions.named("b", "model")) == ([], ["p"])
        row = versions.collection("p", "b")
        assert row is not None
        assert (row.versions, row.latest, row.aliases, row.updated_at) == (2, 2, {"best": 1}, 7)
        versions.make("p", "a", "model", 8)
        with pytest.raises(Conflict):
            versions.rename("p", "a", "b", 9)
        assert versions.of_runs(["c" * 32]) == {"c" * 32: ["b:v1", "b:v2"]}
        versions.drop("p", "b", None, 10)
        assert (versions.versions("p", "b"), versions.of_runs(["c" * 32])) == ([], {})
        versions.make("p", "b", "model", 11)
        with pytest.raises(NotFound):
            versions.rename("p", "nothing", "c", 12)

    def test_a_dropped_version_stays_away(self, records: HasProjects) -> None:
        """Its aliases go with it, `latest` is the one before, and its number is not given again."""
        versions = records.versions
        for _ in range(2):
            versions.add(version("a"), [ENTRY], fresh=True)
        versions.point(PointerChange("p", "a", "best", 2, None, "me", 6))
        versions.drop("p", "a", 2, 7, "me")
        with pytest.raises(NotFound):
            versions.drop("p", "a", 2, 8, "me")
        latest = versions.get("p", "a", alias="latest")
        assert latest is not None
        assert (latest.number, versions.get("p", "a", alias="best")) == (1, None)
        assert [move.number for move in versions.pointer_history("p", "a")] == [None, 2]
        assert versions.add(version("a"), [ENTRY], fresh=True).number == 3

    def test_what_was_taken_away_is_remembered(self, records: HasProjects) -> None:
        """By the name that it had, also where that is used anew; with the moves of pointers that were heard of."""
        versions, tombstones = records.versions, records.tombstones
        for name in ("a", "ab", "a%"):
            versions.add(version(name), [ENTRY], fresh=True)
        versions.add(version("a"), [ENTRY], ("c" * 32 + "/s", 4), fresh=True)
        versions.point(PointerChange("p", "a", "best", 2, None, "me", 6))
        assert (tombstones.of_name("p", "a"), tombstones.collections("p")) == ([], [])
        versions.drop("p", "a", 2, 7, "me")
        (gone,) = tombstones.of_name("p", "a")
        assert (gone.number, gone.dropped_at, gone.origins) == (2, 7, (("c" * 32 + "/s", 4),))
        assert gone.heard == (("pointer best", 6),)
        for name in ("a", "a%"):
            versions.drop("p", name, None, 8)
        assert [(one.name, one.dropped_at) for one in tombstones.collections("p")] == [("a", 8), ("a%", 8)]
        versions.add(version("a"), [ENTRY])
        versions.drop("p", "a", 1, 9)
        assert [one.name for one in tombstones.collections("p")] == ["a%"]
        assert sorted((one.number, one.dropped_at) for one in tombstones.of_name("p", "a")) == [(0, 7), (0, 8), (1, 9)]

    def test_a_version_of_elsewhere_keeps_its_number(self, records: HasProjects) -> None:
        """It is committed under its own number, whatever was before; a number is given once, also when it is gone."""
        versions = records.versions
        for number in (5, 2):
            versions.insert(replace(version("a"), number=number), [ENTRY])
        assert [item.number for item in versions.versions("p", "a")] == [5, 2]
        versions.drop("p", "a", 2, 7, "me")
        for number in (5, 2):
            with pytest.raises(Conflict):
                versions.insert(replace(version("a"), number=number), [ENTRY])
        assert versions.add(version("a"), [ENTRY], fresh=True).number == 6

    def test_numbers_beyond_what_json_holds_are_not_counted_on(self, records: HasProjects) -> None:
        """A project that came with a number of 18 digits keeps it, and the next new one gets a small number."""
        records.projects.put(RegisteredProject(10**18 - 1, "far", "far", 1, 1))
        records.projects.put(RegisteredProject(3, "near", "near", 1, 1))
        assert records.projects.next_number() == 4
        found = records.projects.by_title("far")
        assert found is not None
        assert found.number == 10**18 - 1
