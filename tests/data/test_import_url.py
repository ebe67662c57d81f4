"""Data at addresses (paths, web servers, S3, remotes) is imported, updated, listed and copied as with the real dvc."""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import NFD, Tool, make, objects, read
from tests.data.source import git
from tests.data.test_imports import state

FOLDER = {"a": b"1\n", f"s/{NFD}": b"2\n", "s/empty": b"", "n" * 255: b"n"}


SIGNATURE = "download=1&sig=a%20b%26c"


class _Handler(SimpleHTTPRequestHandler):
    """Files with an entity tag; one of them for those who know the signature."""

    def send_head(self) -> Any:
        if self.path.startswith("/signed") and self.path.partition("?")[2] != SIGNATURE:
            self.send_error(403)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{md5(path.read_bytes()).hexdigest()}"')
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address on a web server."""
    folder = tmp_path / "www"
    make(folder, {"f.txt": b"hello\n", "한글 파일.csv": b"k", "signed.bin": b"secret"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pair(tmp_path: Path, dvc: Tool) -> tuple[Path, Path]:
    """Two equal repositories with a default remote each, beside a folder ``ext``: ours and theirs."""
    make(tmp_path / "ext", {f"d/{name}": body for name, body in FOLDER.items()} | {"f": b"f\n"})
    (tmp_path / "ext" / "f").chmod(0o755)
    template = tmp_path / "ours" / "repo"
    template.mkdir(parents=True)
    git(template, "init", "-q", "-b", "main")
    assert dvc(template, "init", "-q").code == 0
    assert dvc(template, "remote", "add", "-q", "-d", "st", "../store").code == 0
    make(template, {"inside": b"x", "sub/keep": b""})
    return template, Path(shutil.copytree(template, tmp_path / "theirs" / "repo"))


def both(pair: tuple[Path, Path], madang: Tool, dvc: Tool, *line: str, code: int = 0) -> None:
    """The same command line in both repositories ends alike and leaves the same files, objects and remotes."""
    ours, theirs = madang(pair[0], *line), dvc(pair[1], *line)
    assert (ours.code, theirs.code) == (code, code), (line, ours.err + theirs.err)
    assert _sorted(state(pair[0])) == _sorted(state(pair[1])), line
    stores = [folder.parent / "store" for folder in pair]
    sent = [{n: b for n, (_, b) in objects(one).items() if not n.endswith(".tmp")} for one in stores]
    assert sent[0] == sent[1], line


def _sorted(files: dict[str, bytes]) -> dict[str, object]:
    """Files with the lines of each .gitignore in order, in which dvc adds several paths; without what dvc forgets."""
    found = {name: sorted(body.split()) if name.endswith(".gitignore") else body for name, body in files.items()}
    left = {name: body for name, body in found.items() if not name.endswith(".tmp")}
    # dvc keeps what a bucket said of its objects, in the form of a listing; nothing refers to it.
    return {name: body for name, body in left.items() if not isinstance(body, bytes) or b'{"etag": ' not in body}


def test_paths(pair: tuple[Path, Path], tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """Files and folders outside and inside the repository: the same records, objects, remotes and updates."""
    for folder in pair:
        make(folder.parent / "store" / "raw", FOLDER)
    for line in (
        ["../../ext/f"],
        [str(tmp_path / "ext" / "f"), "absolute"],
        ["../../ext/d", "out"],
        ["../../ext/f", "nd", "--no-download"],
        ["../../ext/f", "ne", "--no-exec"],
        ["inside", "sub/copy"],
        ["--to-remote", "../../ext/d", "tr"],
        ["--to-remote", "../../ext/f", "trf"],
        ["remote://st/raw", "rem"],
        ["remote://st/raw/s/empty", "remf"],
    ):
        both(pair, madang, dvc, "import-url", *line)
    for line in (["../../ext/nope", "x"], ["../../ext/f", "f"], ["../../ext/f", "no/x"], ["../../ext/f", "../../x"]):
        both(pair, madang, dvc, "import-url", *line, code=1)
    both(pair, madang, dvc, "move", "sub/copy", "copied")
    both(pair, madang, dvc, "move", "nd", "sub")
    make(tmp_path / "ext", {"f": b"changed\n", "d/c": b"3"})
    both(pair, madang, dvc, "update", "f.dvc", "out.dvc")
    assert read(pair[0] / "out") == {**FOLDER, "c": b"3"}
    assert madang(pair[0], "update", "f.dvc").out == "f.dvc is up to date\n"
    assert madang(pair[0], "update", "--to-remote", "trf.dvc").code == 0
    assert dvc(pair[0], "pull", "-q", "trf").code == 0
    assert (pair[0] / "trf").read_bytes() == b"changed\n"


def test_the_web(pair: tuple[Path, Path], web: tuple[Path, str], madang: Tool, dvc: Tool) -> None:
    """A web address: the entity tag is the record of its state, and tells when there is something to update."""
    folder, url = web
    both(pair, madang, dvc, "import-url", f"{url}/f.txt")
    both(pair, madang, dvc, "import-url", f"{url}/f.txt", "nd", "--no-download")
    both(pair, madang, dvc, "import-url", f"{url}/nothing", code=1)
    assert "up to date" in madang(pair[0], "update", "f.txt.dvc").out
    make(folder, {"f.txt": b"newer\n"})
    both(pair, madang, dvc, "update", "f.txt.dvc")
    assert madang(pair[0], "import-url", f"{url}/%ED%95%9C%EA%B8%80%20%ED%8C%8C%EC%9D%BC.csv").code == 0
    assert (pair[0] / "한글 파일.csv").read_bytes() == b"k"
    assert madang(pair[0], "get-url", f"{url}/f.txt", "got").code == 0
    assert (pair[0] / "got").read_bytes() == b"newer\n"
    assert madang(pair[0], "add", f"{url}/f.txt", "-o", "added").code == 0
    assert (pair[0] / "added").read_bytes() == b"newer\n"


def test_queries(pair: tuple[Path, Path], web: tuple[Path, str], madang: Tool, dvc: Tool) -> None:
    """The query of a web address goes with every request for it, and into the record, but not into the file's name."""
    folder, url = web
    both(pair, madang, dvc, "import-url", f"{url}/signed.bin?{SIGNATURE}")
    assert (pair[0] / "signed.bin").read_bytes() == b"secret"
    both(pair, madang, dvc, "import-url", f"{url}/signed.bin?sig=wrong", "other", code=1)
    make(folder, {"signed.bin": b"newer"})
    both(pair, madang, dvc, "update", "signed.bin.dvc")
    assert madang(pair[0], "get-url", f"{url}/signed.bin?{SIGNATURE}", "got").code == 0
    assert madang(pair[0], "add", f"{url}/한글 파일.csv?이름=값 1", "-o", "k.csv").code == 0
    assert ((pair[0] / "got").read_bytes(), (pair[0] / "k.csv").read_bytes()) == (b"newer", b"k")


def test_get_and_list(pair: tuple[Path, Path], tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """get-url and list-url of paths and remotes; nothing is replaced without --force."""
    for line in (["../../ext/d", "gotten"], ["../../ext/f", "gotten"], ["../../ext/f", "g"]):
        both(pair, madang, dvc, "get-url", *line)
    for line in (["../../ext/nope"], ["../../ext/f", "g"]):
        both(pair, madang, dvc, "get-url", *line, code=1)
    assert madang(pair[0], "get-url", "-f", "../../ext/d", "g").code == 0
    assert read(pair[0] / "g") == FOLDER
    assert madang(pair[0], "get-url", "-f", "../../ext/f", "g/a").code == 0
    assert (pair[0] / "g" / "a").read_bytes() == b"f\n"
    for line in (["../../ext"], ["../../ext", "-R"], ["../../ext/d"], ["../nope"]):
        ours, theirs = madang(pair[0], "list-url", *line), dvc(pair[0], "list-url", *line)
        assert (ours.code, sorted(ours.out.split())) == (theirs.code, sorted(theirs.out.split())), line
    found = json.loads(madang(pair[0], "list-url", "../../ext", "--json").out)
    assert found == [{"path": "d", "isdir": True, "size": None}, {"path": "f", "isdir": False, "size": 2}]


class Buckets(NamedTuple):
    """S3 on loopback. All servers of a process share their buckets, so these have names of their own."""

    client: Any
    name: str  # of the one that is there
    kept: str  # for one that keeps versions


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """A bucket with a file and a folder; what finds it by the environment finds it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for key, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{key}", value)
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    found = Buckets(client, f"b{uuid.uuid4().hex}", f"kept{uuid.uuid4().hex}")
    client.create_bucket(Bucket=found.name)
    for name, body in {"f.csv": b"f\n", "d/a": b"1\n", "d/s/한 글": b"2\n"}.items():
        client.put_object(Bucket=found.name, Key=name, Body=body)
    yield found
    server.stop()


def test_s3(pair: tuple[Path, Path], s3: Buckets, madang: Tool, dvc: Tool) -> None:
    """Files and prefixes of a bucket: entity tags are recorded as dvc records them, and either tool updates."""
    options = [
        "--fs-config", f"endpointurl={s3.client.meta.endpoint_url}", "access_key_id=k", "secret_access_key=s",
        "region=us-east-1",
    ]  # fmt: skip
    for line in (
        [f"s3://{s3.name}/f.csv"],
        [f"s3://{s3.name}/d", "dd"],
        [f"s3://{s3.name}/f.csv", "nf", "--no-download"],
        [f"s3://{s3.name}/d", "nd", "--no-download"],
        [f"s3://{s3.name}/f.csv", "ne", "--no-exec"],
    ):
        both(pair, madang, dvc, "import-url", *line, *options)
    both(pair, madang, dvc, "import-url", f"s3://{s3.name}/nothing", *options, code=1)
    for name in ("f.csv.dvc", "dd.dvc"):
        assert "up to date" in madang(pair[0], "update", name).out
        assert "skipping" in dvc(pair[0], "update", name).out
    s3.client.put_object(Bucket=s3.name, Key="f.csv", Body=b"newer\n")
    s3.client.put_object(Bucket=s3.name, Key="d/b", Body=b"3\n")
    both(pair, madang, dvc, "update", "f.csv.dvc", "dd.dvc")
    both(pair, madang, dvc, "get-url", f"s3://{s3.name}/d", "got", *options)
    assert (pair[0] / "f.csv").read_bytes() == b"newer\n"
    assert read(pair[0] / "got") == {"a": b"1\n", "s/한 글": b"2\n", "b": b"3\n"}
    assert madang(pair[0], "pull", "nd", "nf").code == 0
    assert (pair[0] / "nf").read_bytes() == b"newer\n"


def test_versions_of_a_bucket(pair: tuple[Path, Path], s3: Buckets, madang: Tool, dvc: Tool, tmp_path: Path) -> None:
    """A version-aware import is recorded as dvc records it, and either tool brings the old bytes and updates."""
    s3.client.create_bucket(Bucket=s3.kept)
    s3.client.put_bucket_versioning(Bucket=s3.kept, VersioningConfiguration={"Status": "Enabled"})
    for name, body in {"f.csv": b"f\n", "d/a": b"1\n", "d/s/한 글": b"2\n"}.items():
        s3.client.put_object(Bucket=s3.kept, Key=name, Body=body)
    options = [
        "--version-aware", "--fs-config", f"endpointurl={s3.client.meta.endpoint_url}", "access_key_id=k",
        "secret_access_key=s", "region=us-east-1",
    ]  # fmt: skip
    for line in (
        [f"s3://{s3.kept}/f.csv"],
        [f"s3://{s3.kept}/d", "dd"],
        [f"s3://{s3.kept}/f.csv", "nd", "--no-download"],
    ):
        both(pair, madang, dvc, "import-url", *line, *options)
    assert json.loads(madang(pair[0], "status", "--json", "f.csv.dvc", "dd.dvc").out) == {}
    s3.client.put_object(Bucket=s3.kept, Key="f.csv", Body=b"newer\n")
    s3.client.put_object(Bucket=s3.kept, Key="d/b", Body=b"3\n")
    told = [json.loads(tool(pair[0], "status", "--json", "f.csv.dvc", "dd.dvc").out) for tool in (madang, dvc)]
    assert told[0] == told[1]
    assert told[0]["f.csv.dvc"] == [{"changed deps": {f"s3://{s3.kept}/f.csv": "update available"}}]
    assert json.loads(madang(pair[0], "status", "--json", "--no-updates", "f.csv.dvc").out) == {}
    for folder, tool in ((pair[0], madang), (pair[0], dvc), (pair[1], madang)):
        (folder / ".dvc" / "cache").rename(tmp_path / f"cache {len(list(tmp_path.iterdir()))}")
        for name in ("f.csv", "nd"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "dd")
        assert tool(folder, "pull").code == 0
        assert (folder / "f.csv").read_bytes() == (folder / "nd").read_bytes() == b"f\n"
        assert read(folder / "dd") == {"a": b"1\n", "s/한 글": b"2\n"}
    assert madang(pair[0], "push").out == "Everything is up to date.\n"
    for folder, tool in zip(pair, (madang, dvc), strict=True):
        assert tool(folder, "update", "f.csv.dvc", "dd.dvc", "nd.dvc").code == 0
    records = [{path.name: path.read_bytes() for path in folder.glob("?*.dvc")} for folder in pair]
    assert records[0] == records[1]
    assert read(pair[0] / "dd") == read(pair[1] / "dd") == {"a": b"1\n", "s/한 글": b"2\n", "b": b"3\n"}
    assert "up to date" in dvc(pair[0], "status").out


def test_one_version_of_an_object(pair: tuple[Path, Path], s3: Buckets, madang: Tool, dvc: Tool) -> None:
    """An address that names a version gives its bytes, where dvc gives the newest; the record is one that dvc reads."""
    s3.client.create_bucket(Bucket=s3.kept)
    s3.client.put_bucket_versioning(Bucket=s3.kept, VersioningConfiguration={"Status": "Enabled"})
    old = s3.client.put_object(Bucket=s3.kept, Key="한 글", Body=b"old")["VersionId"]
    middle = s3.client.put_object(Bucket=s3.kept, Key="한 글", Body=b"middle")["VersionId"]
    s3.client.put_object(Bucket=s3.kept, Key="한 글", Body=b"new")
    root = pair[0]
    options = [
        f"endpointurl={s3.client.meta.endpoint_url}",
        "access_key_id=k",
        "secret_access_key=s",
        "region=us-east-1",
    ]
    url = f"s3://{s3.kept}/한 글?versionId={old}"
    assert madang(root, "get-url", url, "got", "--fs-config", *options).code == 0
    assert (root / "got").read_bytes() == b"old"
    assert madang(root, "import-url", url, "--fs-config", *options).code == 0
    assert (root / "한 글").read_bytes() == b"old"
    assert f"path: s3://{s3.kept}/한 글\n" in (root / "한 글.dvc").read_text()
    for tool in (madang, dvc):
        found = json.loads(tool(root, "status", "--json").out)
        assert found == {"한 글.dvc": [{"changed deps": {f"s3://{s3.kept}/한 글": "update available"}}]}
        shutil.rmtree(root / ".dvc" / "cache")
        (root / "한 글").unlink()
        assert tool(root, "pull").code == 0
        assert (root / "한 글").read_bytes() == b"old"
    for revision, body in ((["--rev", middle], b"middle"), ([], b"new")):
        answer = madang(root, "update", "한 글.dvc", *revision)
        assert answer.code == 0, answer.err
        assert (root / "한 글").read_bytes() == body
    assert json.loads(dvc(root, "status", "--json").out) == {}
    gone = madang(root, "get-url", f"s3://{s3.kept}/한 글?versionId=nosuch", "no", "--fs-config", *options)
    assert gone.code == 1, gone.err


def test_versions_that_are_not_kept(pair: tuple[Path, Path], s3: Buckets, madang: Tool) -> None:
    """A version-aware import of a folder here, or of a bucket without versions, is refused and leaves nothing."""
    options = [
        f"endpointurl={s3.client.meta.endpoint_url}",
        "access_key_id=k",
        "secret_access_key=s",
        "region=us-east-1",
    ]
    before = read(pair[0])
    for url in (f"s3://{s3.name}/f.csv", f"s3://{s3.name}/d", "../ext/f"):
        answer = madang(pair[0], "import-url", "--version-aware", url, "x", "--fs-config", *options)
        assert answer.code == 1
        assert "version" in answer.err
    assert {name for name in read(pair[0]) if not name.startswith(".dvc/tmp")} == {
        name for name in before if not name.startswith(".dvc/tmp")
    }
