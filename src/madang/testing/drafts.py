"""The conformance suite of versions in the making and of claimed digests: every database passes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from madang.domain.versions import Entry, VersionRecord
from madang.ports.drafts import Claim, Draft, DraftManifest, DraftRecords
from madang.ports.versions import VersionRecords

P = "마당"
AT = 1_700_000_000_000_000


class HasDrafts(Protocol):
    """Records with drafts."""

    @property
    def drafts(self) -> DraftRecords: ...  # noqa: D102 - the protocol says it
    @property
    def versions(self) -> VersionRecords: ...  # noqa: D102 - as above


def _draft(number: int, **more: object) -> Draft:
    made = Draft(number, P, "이름", "dataset", AT + number, "나", tags={"t": ""}, metadata={"n": float("inf")})
    return replace(made, **more)  # type: ignore[arg-type]


def _version(records: HasDrafts, name: str = "이름") -> VersionRecord:
    wanted = VersionRecord(P, name, "dataset", 0, f"blake3:{name}", 0, 0, AT)
    entries = [Entry("a", "blake3:" + "1" * 64, 3), Entry("b", "etag:x", 0, "s3://bucket/b", '{"versionID":"7"}')]
    return records.versions.add(wanted, entries, first=0, fresh=True)


class DraftsConformance:
    """Drafts until they are versions, and after."""

    def test_drafts_come_back(self, records: HasDrafts) -> None:
        """A draft is found by its id and its client's name for it, and by what it is shared under until it is done."""
        drafts = records.drafts
        one, two = _draft(1, client="c", shared="all"), _draft((1 << 53) - 1, client="c", aliases=("a", "b"), lives=9)
        drafts.add(one)
        drafts.add(two)
        assert drafts.get(1) == one
        assert drafts.of_client("c") == two
        assert drafts.get(3) is None
        assert drafts.of_client("") is None
        assert drafts.shared(P, "이름", "all") == one
        assert drafts.shared(P, "other", "all") is None
        assert drafts.shared("other", "이름", "all") is None

    def test_lists_of_files_come_in_order(self, records: HasDrafts) -> None:
        """A list replaces the one with its id and keeps its place; the lists of a version are forgotten."""
        drafts = records.drafts
        drafts.add(_draft(11))
        first, second = DraftManifest(21, 11, "PATCH"), DraftManifest(20, 11, "PATCH", "base", "ab", b"\x00two")
        drafts.put_manifest(first)
        drafts.put_manifest(second)
        filled = replace(first, digest="cd", body=b"one")
        drafts.put_manifest(filled)
        assert drafts.manifests(11) == [filled, second]
        assert drafts.manifest(20) == second
        drafts.finish(11, _version(records).number)
        assert drafts.manifests(11) == []
        assert drafts.manifest(20) is None

    def test_a_draft_leads_to_its_version(self, records: HasDrafts) -> None:
        """What a draft became is found under the name that it has now; forgetting old drafts leaves it alone."""
        drafts = records.drafts
        drafts.add(_draft(31, name="before", shared="all"))
        drafts.add(_draft(32, name="before"))
        made = _version(records, "before")
        drafts.finish(31, made.number, AT + 5)
        records.versions.rename(P, "before", "after", AT)
        found = drafts.get(31)
        assert found is not None
        assert (found.name, found.number) == ("after", made.number)
        assert drafts.shared(P, "before", "all") is None
        assert [one.id for one in drafts.expired(AT + 5)] == [31]
        assert drafts.expired(AT + 4) == []
        drafts.expire(31, 0)
        assert drafts.expired(AT + 5) == []
        assert drafts.forget(AT + 33) >= 1
        assert drafts.get(32) is None
        assert drafts.get(31) is not None

    def test_claims_are_one_content_each(self, records: HasDrafts) -> None:
        """A digest stands for one blob of a project; another one is told, and nothing of that call is noted."""
        drafts = records.drafts
        claims = [Claim(f"md5:{number:032x}", f"blake3:{number:064x}", number) for number in range(4500)]
        assert drafts.claim(P, claims) == []
        assert drafts.claim(P, claims[:3]) == []
        assert drafts.claims(P, [one.digest for one in claims]) == {one.digest: one for one in claims}
        assert drafts.claims_of(P, [claims[7].blob, "blake3:none"]) == {claims[7].blob: claims[7]}
        assert drafts.claims("other", [claims[0].digest]) == {}
        new = Claim("md5:" + "f" * 32, claims[1].blob, 1)
        assert drafts.claim(P, [new, replace(claims[0], blob="blake3:other")]) == [claims[0]]
        assert drafts.claims(P, [new.digest]) == {}

    def test_links_are_found_from_what_they_show(self, records: HasDrafts) -> None:
        """A link is told until its version is gone; references of a version come back as they were."""
        made = _version(records, "shown")
        records.drafts.link("id", P, "shown", made.number)
        records.drafts.link("id", P, "shown", made.number)
        assert records.drafts.links("id") == [(P, "shown", made.number)]
        assert [entry.about for entry in records.versions.entries(P, made.digest)] == ["", '{"versionID":"7"}']
        records.versions.drop(P, "shown", made.number, AT)
        assert records.drafts.links("id") == []

    def test_collections_are_found_by_id(self, records: HasDrafts) -> None:
        """A collection keeps its id under another name and type, and has none when it is gone."""
        _version(records, "first")
        row = records.versions.collection(P, "first")
        assert row is not None
        records.versions.rename(P, "first", "second", AT)
        records.versions.retype(P, "second", "pictures", AT)
        found = records.versions.collection_with(row.id)
        assert found is not None
        assert (found.name, found.type, found.first) == ("second", "pictures", 0)
        records.versions.drop(P, "second", None, AT)
        assert records.versions.collection_with(row.id) is None
