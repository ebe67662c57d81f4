"""The conformance suite of the index of data objects: every database passes it."""

from __future__ import annotations

from typing import Protocol

from madang.ports.data_objects import DataObject, DataObjects

P = "마당"


class HasDataObjects(Protocol):
    """Records with this index."""

    @property
    def data_objects(self) -> DataObjects: ...  # noqa: D102 - the protocol says it


def _object(number: int, digest: int | None = None) -> DataObject:
    named = number if digest is None else digest
    key = f"files/md5/{number % 256:02x}/{number:030x}"
    return DataObject(key, f"blake3:{named:064x}", 1 << 40, 1_700_000_000_000_000 + number, "나")


class DataObjectsConformance:
    """Keys of a remote and the blobs behind them."""

    def test_objects_come_back(self, records: HasDataObjects) -> None:
        """What was noted is found in its project and nowhere else; noting it again changes nothing."""
        index = records.data_objects
        objects = [_object(number) for number in range(4500)]
        assert index.add(P, objects) == []
        assert index.add(P, [*objects[:3], *objects[:3], _object(9999)]) == []
        assert index.find(P, [item.key for item in objects]) == {item.key: item for item in objects}
        assert index.find("other", [objects[0].key]) == {}
        assert index.find(P, []) == {}

    def test_a_collision_is_refused(self, records: HasDataObjects) -> None:
        """Another digest under a known key is told, and nothing of that call is noted."""
        index = records.data_objects
        index.add(P, [_object(1)])
        assert index.add(P, [_object(2), _object(1, digest=7)]) == [_object(1)]
        assert index.find(P, [_object(1).key, _object(2).key]) == {_object(1).key: _object(1)}
        assert index.add("other", [_object(1, digest=7)]) == []

    def test_listing_goes_on(self, records: HasDataObjects) -> None:
        """A prefix is listed by key, portion by portion; what was removed is not in it."""
        index = records.data_objects
        index.add(P, [_object(number) for number in range(600)])
        seen: list[str] = []
        while found := index.list(P, "files/md5/0", seen[-1] if seen else "", 7):
            seen += [item.key for item in found]
        assert seen == sorted(_object(number).key for number in range(600) if number % 256 < 16)
        index.remove(P, [*seen, "files/md5/00/none"])
        assert index.list(P, "files/md5/0", "", 10) == []
        assert len(index.list(P, "", "", 1000)) == 600 - len(seen)
        assert P in index.projects()
        assert "of nobody" not in index.projects()
