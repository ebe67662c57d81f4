"""Versions in the making as services: who may make one, what it claims, what is left when the index is lost."""

from __future__ import annotations

import base64
import glob
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun
from madang.domain.versions import Entry, VersionRecord
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound
from madang.formats.manifest import manifest_digest
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import draft_id, name_of
from madang.formats.wandb.matching import matcher
from madang.ports.drafts import Draft
from madang.services.drafts import FORGOTTEN
from madang.wiring import Engine, open_store

ME = local("me")
READER = Principal("reader", projects={"p": Permission.READ})
OTHER = Principal("other", projects={"q": Permission.ADMIN})
RUN = "a" * 32
_BLOCKS = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8"
    "f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8"
    "ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
_ODD = {19, 45, 59, 83, 109, 123}  # bytes whose first bit differs
TWINS = [
    bytes.fromhex(_BLOCKS),
    bytes(byte ^ (0x80 if place in _ODD else 0) for place, byte in enumerate(bytes.fromhex(_BLOCKS))),
]
"""Two contents with one MD5 (Wang, Feng, Lai, Yu, 2004)."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store of its own."""
    made = open_store(store=str(tmp_path / "store"))
    yield made
    made.close()


def wanted(name: str = "ds", project: str = "p", **more: object) -> Draft:
    return Draft(0, project, name, "dataset", 0, **more)  # type: ignore[arg-type]


def b64(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def made(engine: Engine, files: dict[str, bytes], draft: Draft, who: Principal = ME) -> VersionRecord:
    """Take a draft through all its steps."""
    begun = engine.drafts.begin(who, draft)
    for data in files.values():
        engine.drafts.take(who, draft.project, hashlib.md5(data).hexdigest(), [data], len(data))
    body = listing.write({path: listing.File(b64(data), len(data)) for path, data in files.items()})
    return committed(engine, begun, body, who)


def committed(engine: Engine, begun: Draft, body: bytes, who: Principal = ME) -> VersionRecord:
    list_ = engine.drafts.list_files(who, draft_id(begun.id), "FULL", "", hashlib.md5(body).hexdigest())
    engine.drafts.take_list(who, list_.id, body)
    return engine.commits.commit(who, draft_id(begun.id))


def test_who_may_make_a_version(engine: Engine) -> None:
    """A reader begins nothing, a stranger learns nothing, a credential for a run makes its versions without aliases."""
    with pytest.raises(AccessDenied):
        engine.drafts.begin(READER, wanted())
    begun = engine.drafts.begin(ME, wanted())
    for call in (engine.drafts.version, engine.drafts.open_draft, engine.commits.commit):
        with pytest.raises(NotFound):
            call(OTHER, draft_id(begun.id))
    with pytest.raises(AccessDenied):
        engine.drafts.open_draft(READER, draft_id(begun.id))
    engine.tracking.create(ME, "p", CreateRun(id=RUN))
    mine = Principal("run", projects={"p": Permission.WRITE}, run=RUN)
    version = made(engine, {"a": b"a"}, wanted("of-run", run=RUN, aliases=("latest",)), mine)
    assert (version.run, version.number, version.aliases) == (RUN, 0, ("latest",))
    for draft in (wanted("x"), wanted("x", run=RUN, aliases=("best",))):
        with pytest.raises(AccessDenied):
            engine.drafts.begin(mine, draft)


def test_what_lies_elsewhere_need_not_be_told(engine: Engine) -> None:
    """That bytes exist is told only where the caller can read them; a link brings them along with their MD5s."""
    source = made(engine, {"s": b"secret"}, wanted())
    md5 = f"md5:{hashlib.md5(b'secret').hexdigest()}"
    assert md5 in engine.drafts.held(READER, "p", [md5])
    assert engine.drafts.held(OTHER, "q", [md5]) == {}
    with pytest.raises(NotFound):
        engine.drafts.held(OTHER, "p", [md5])
    with pytest.raises(NotFound):
        engine.links.link(OTHER, source, "q", "stolen")
    linked = engine.links.link(ME, source, "q", "shown", ["best"])
    assert engine.links.source(ME, linked).ref == source.ref
    assert engine.links.source(OTHER, linked).ref == linked.ref
    assert engine.digests.of(linked) == engine.digests.of(source)
    assert md5 in engine.drafts.held(OTHER, "q", [md5])


def test_references_to_artifacts_have_their_bytes(engine: Engine) -> None:
    """A reference to a file of another artifact is that file for who may read it, and stays an address for others."""
    source = made(engine, {"deep/s": b"secret"}, wanted())
    address = f"wandb-artifact://{base64.b64decode(name_of(source)).hex()}/deep/s"
    body = listing.write({"r": listing.File(b64(b"secret"), 0, address)})
    mine = committed(engine, engine.drafts.begin(ME, wanted("mine", "q")), body)
    theirs = committed(engine, engine.drafts.begin(OTHER, wanted("theirs", "q")), body, OTHER)
    assert [(item.is_held, item.size, item.uri) for item in engine.artifacts.manifest(ME, "q", mine.ref)] == [
        (True, 6, address)
    ]
    assert not engine.artifacts.manifest(OTHER, "q", theirs.ref)[0].is_held


def test_references_of_other_clients(engine: Engine) -> None:
    """The API of our own takes references, too; what is no address, or claims bytes that are not here, is refused."""
    entry = Entry("r", "etag:1", 3, "gs://b/k")
    made = engine.artifacts.create(ME, "p", "refs", "dataset", [entry])
    assert engine.artifacts.manifest(ME, "p", made.ref) == [entry]
    assert (made.size, made.files) == (3, 1)
    for odd in (
        Entry("r", "etag:1", 3, "/etc/passwd"),
        Entry("r", "etag:1", -1, "s3://b/k"),
        Entry("r", "1", 3, "s3://b/k"),
        Entry("r", "etag:1\0", 3, "s3://b/k"),
    ):
        with pytest.raises(InvalidInput):
            engine.artifacts.create(ME, "p", "odd", "dataset", [odd])
    with pytest.raises(NotFound):
        engine.artifacts.create(ME, "p", "odd", "dataset", [Entry("r", "blake3:" + "0" * 64, 3, "s3://b/k")])


def test_the_index_may_be_lost(tmp_path: Path) -> None:
    """Versions, ids, references, links and types are there when a workspace's index was made anew."""
    place = str(tmp_path / "store")
    engine = open_store(store=place)
    first = made(engine, {"a": b"a"}, wanted(client="mine", aliases=("best",)))
    body = listing.write({"r": listing.File("etag", 7, "s3://b/k", None, {"versionID": "5"})})
    refers = committed(engine, engine.drafts.begin(ME, wanted("refers")), body)
    engine.artifacts.retype(ME, "p", "refers", "pictures")
    engine.close()
    for path in glob.glob(f"{place}/**/records.db*", recursive=True):
        os.unlink(path)
    engine = open_store(store=place)
    assert engine.drafts.version(ME, name_of(first)).aliases == ("best", "latest")
    assert engine.drafts.of_client(ME, "mine").number == 0
    assert engine.digests.files(ME, first)["a"].digest == b64(b"a")
    found = engine.artifacts.manifest(ME, "p", "refers:v0")
    assert found == [Entry("r", "etag:etag", 7, "s3://b/k", '{"versionID":"5"}')]
    assert engine.artifacts.resolve(ME, "p", "refers").type == "pictures"
    assert manifest_digest(found) == refers.digest
    engine.close()


def test_what_nobody_wants_goes(engine: Engine) -> None:
    """A draft that nobody finished goes after a week, a version when its time has passed, unless it has a name."""
    begun = engine.drafts.begin(ME, wanted("never"))
    short, named = (made(engine, {"a": b"a"}, wanted(name, lives=5)) for name in ("short", "named"))
    engine.registry.point(ME, "p", "named", "kept", 0)
    assert engine.drafts.clean(short.created_at + 4_000_000) == 0
    assert engine.drafts.clean(max(short.created_at, named.created_at) + 5_000_000) == 1
    with pytest.raises(NotFound):
        engine.artifacts.resolve(ME, "p", "short:v0")
    assert engine.artifacts.resolve(ME, "p", "named:kept").number == 0
    assert engine.drafts.get(ME, begun.id) == begun
    engine.drafts.clean(begun.created_at + FORGOTTEN + 1)
    with pytest.raises(NotFound):
        engine.drafts.get(ME, begun.id)


def test_a_committed_version_does_not_change(engine: Engine) -> None:
    """No list of files or type reaches a version that is made; two contents of one MD5 are refused."""
    version = made(engine, {"a": b"a"}, wanted())
    with pytest.raises(Conflict):
        engine.drafts.list_files(ME, name_of(version), "FULL", "", "")
    with pytest.raises(Conflict):
        engine.drafts.begin(ME, Draft(0, "p", "ds", "model", 0))
    with pytest.raises(InvalidInput):
        engine.drafts.take(ME, "p", "0" * 32, [b"other"])
    md5 = hashlib.md5(TWINS[0]).hexdigest()
    first = engine.drafts.take(ME, "p", md5, [TWINS[0]])
    with pytest.raises(Conflict):
        engine.drafts.take(ME, "p", md5, [TWINS[1]])
    assert engine.drafts.held(ME, "p", [f"md5:{md5}"])[f"md5:{md5}"].blob == first.digest


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.binary(max_size=9), max_size=5))
def test_manifests_come_back(files: dict[str, bytes]) -> None:
    """A manifest is read as it was written; an entry of ours is its file again."""
    found = {path: listing.File(b64(data), len(data)) for path, data in files.items()}
    assert listing.read(listing.write(found)) == found
    for path, data in files.items():
        refers = listing.File(data.hex() or "-", 3, f"s3://bucket/{data.hex()}", None, {"etag": data.hex()})
        assert listing.file_of(listing.entry_of(path, refers), "") == refers
        entry = Entry(path, "blake3:" + "0" * 64, len(data))
        assert listing.file_of(entry, hashlib.md5(data).hexdigest()) == found[path]


def test_the_digest_of_an_artifact() -> None:
    """The digest is the MD5 of a head and a line for each path, as W&B's client has it."""
    files = {"b": listing.File("2"), "a": listing.File("1")}
    assert listing.digest_of(files) == hashlib.md5(b"wandb-artifact-manifest-v1\na:1\nb:2\n").hexdigest()


def test_filters_look_at_what_is_there() -> None:
    """Conditions as MongoDB writes them hold for fields, lists and objects; what is none is refused."""
    thing = {"name": "abc", "tag": ["x", "y"], "metadata": {"n": 3}}
    for text, holds in (
        ('{"name": "abc"}', True),
        ('{"name": {"$regex": "^b"}}', False),
        ('{"$or": [{"tag": "z"}, {"tag": "y"}]}', True),
        ('{"tag": {"$nin": ["x"]}}', False),
        ('{"metadata.n": {"$gt": 2, "$lte": 3}}', True),
        ('{"metadata.n": {"$gt": "2"}}', False),
        ('{"$not": {"name": {"$contains": "b"}}}', False),
        ('{"none": {"$exists": false}}', True),
    ):
        assert matcher(text)(thing) is holds, text
    for text in ("[]", "{", '{"$where": "1"}', '{"a": {"$foo": 1}}', '{"$and": 1}', '{"a": {"$in": 1}}'):
        with pytest.raises(InvalidInput):
            matcher(text)
