"""DVC's formats as pure text: what is written is read again, and what dvc's own library makes of it is the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from madang.errors import ConfigError, CorruptData, InvalidInput
from madang.formats.dvc import config, dvcfile, gitignore, layout, listing, plainconfig, yamltext
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.ignore import Ignore

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=20)
SEGMENT = TEXT.filter(lambda text: text not in (".", ".."))
MD5 = st.text("0123456789abcdef", min_size=32, max_size=32)


def flat_tree(paths: dict[str, str]) -> dict[str, str]:
    """The paths of which none is a folder of another."""
    return {path: md5 for path, md5 in paths.items() if not any(other.startswith(path + "/") for other in paths)}


TREES = st.dictionaries(st.lists(SEGMENT, min_size=1, max_size=4).map("/".join), MD5, max_size=12).map(flat_tree)


@given(TREES)
@example({"a-b/x": "0" * 32, "a.b": "1" * 32, "a/x": "2" * 32, "a0": "3" * 32, "😀\x7f\n": "4" * 32})
def test_a_listing_is_what_json_dumps_writes(files: dict[str, str]) -> None:
    """The bytes are those of Python's json.dumps of the sorted entries, and decoding gives the files back."""
    body = listing.encode(files)
    entries = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    assert body == json.dumps(entries, sort_keys=True).encode()
    assert listing.decode(body, listing.name_of_bytes(body)) == files


def test_names_of_known_listings() -> None:
    """The names are those that the real dvc gave to an empty folder and to a folder of one file."""
    assert listing.name_of_bytes(listing.encode({})) == "d751713988987e9331980363e24189ce.dir"
    one = listing.encode({"f": "b026324c6904b2a9cb4b88d6d61c81d1"})
    assert listing.name_of_bytes(one) == "902c1837b615c57e919882031a5e8c11.dir"


GOOD = '{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "%s"}'


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[1]",
        "null",
        "[[]]",
        '[{"relpath": "f"}]',
        '[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1"}]',
        '[{"md5": 1, "relpath": "f"}]',
        '[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": 1}]',
        '[{"md5": "../../../../etc/passwd", "relpath": "f"}]',
        '[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1.dir", "relpath": "f"}]',
        *(f"[{GOOD % path}]" for path in ("/etc/passwd", "..", "a/../../b", "a//b", "", ".", "./a", "a/", "a\\u0000")),
        f"[{GOOD % 'a'}, {GOOD % 'a'}]",
        f"[{GOOD % 'a'}, {GOOD % 'a/b'}]",
        f"[{GOOD % 'a/b'}, {GOOD % 'a'}, {GOOD % 'a-b'}]",
        "[" * 100_000,
        "\ufeff[]",
        '[{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "\\ud800"}]',
    ],
)
def test_hostile_listings_are_refused(body: str) -> None:
    """A listing from a remote can neither leave its folder nor name anything but objects."""
    with pytest.raises((CorruptData, InvalidInput)):
        listing.decode(body.encode(), "x" * 32 + ".dir")


def test_names_that_are_not_utf8_are_refused() -> None:
    """No .dvc file can hold such a name, and the refusal names it."""
    with pytest.raises(InvalidInput, match="udcff"):
        listing.encode({"a\udcff": "0" * 32})


@given(SEGMENT, MD5, st.integers(0, 2**63), st.none() | st.integers(0, 2**40), st.booleans())
def test_a_new_dvc_file_is_read_again(path: str, md5: str, size: int, nfiles: int | None, isexec: bool) -> None:
    """Whatever the name, the text that is written means the same when it is read."""
    name = md5 + ".dir" if nfiles is not None else md5
    text = dvcfile.new(path, Content(name, size, nfiles, isexec))
    (entry,) = dvcfile.parse(text, "x.dvc").outs
    assert (entry.path, entry.md5, entry.size, entry.nfiles, entry.isexec) == (path, name, size, nfiles, isexec)
    assert entry.hash_name == "md5"


ANNOTATED = """\
# 데이터
frozen: false   # beside
outs:
# before
- path: 한글.csv   # the file
  desc: 설명
  md5: 0123456789abcdef0123456789abcdef
  labels: [a, b]
  size: 7
  meta:
    free: {deep: [1, 2]}
meta: 1
desc: "about: it"
"""


@given(MD5, st.integers(0, 2**50), st.booleans())
def test_an_update_changes_the_content_only(md5: str, size: int, isexec: bool) -> None:
    """Comments, order, unknown depths and everything but the content stays; twice the same update is the same text."""
    text = dvcfile.updated(ANNOTATED, "x.dvc", {"한글.csv": Content(md5, size, isexec=isexec)})
    for part in ("# 데이터", "# beside", "# before", "# the file", "설명", "free: {deep: [1, 2]}", "meta: 1"):
        assert part in text
    assert text.index("path:") < text.index("desc:") < text.index("md5:") < text.index("labels:") < text.index("size:")
    (entry,) = dvcfile.parse(text, "x.dvc").outs
    assert (entry.md5, entry.size, entry.isexec, entry.hash_name) == (md5, size, isexec, "md5")
    assert dvcfile.updated(text, "x.dvc", {"한글.csv": Content(md5, size, isexec=isexec)}) == text


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "outs: 1",
        "outs: [1]",
        "outs: [{md5: x}]",
        "cmd: rm -rf /\nouts: []",
        "outs: [{path: a, unknown: 1}]",
        "outs: [{path: a, size: x}]",
        "outs: [{path: a, size: true}]",
        "outs: [{path: a, cache: 1}]",
        "outs: [{path: a, md5: ../../x}]",
        "outs: [{path: 1}]",
        'outs: [{path: "a\\0b"}]',
        'outs: [{path: "a\\ud800"}]',
        'wdir: "\\U0000dfff"\nouts: [{path: a}]',
        "deps: [1]",
        "deps: [{path: [a]}]",
        "deps: [{path: a, repo: 5}]",
        "deps: [{path: a, repo: {}}]",
        "deps: [{path: a, repo: {url: u, rev: 5}}]",
        "deps: [{repo: {url: u}}]",
        "deps: [{path: a, fs_config: 5}]",
        "a: [",
        "outs: []\nouts: []",
        "!!python/object/apply:os.system [id]",
        "&a [*a]",
        "\x00",
        "outs:\n- path: x\n   md5: y",
    ],
)
def test_bad_dvc_files_are_refused(text: str) -> None:
    """The refusal is an input error that names the file."""
    with pytest.raises(InvalidInput, match=r"x\.dvc"):
        dvcfile.parse(text, "x.dvc")


@settings(max_examples=30)
@given(name=TEXT.filter(lambda text: "\n" not in text and "\r" not in text))
@example(name="trailing  ")
@example(name="#a")
@example(name="!a")
@example(name="a\\")
@example(name="[a]*?")
@example(name=" lead")
def test_git_ignores_exactly_the_name(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the line in .gitignore, git ignores this name and not its neighbours."""
    folder = tmp_path_factory.mktemp("git")
    if len(name.encode()) > 200 or name == ".git":
        return
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitignore").write_text(gitignore.added("", name), encoding="utf-8", newline="")

    def ignored(path: str) -> bool:
        command = ["git", "-C", str(folder), "check-ignore", "-q", "--no-index", "--", path]
        return subprocess.run(command, check=False).returncode == 0

    if name not in (".", ".."):
        assert ignored(f"./{name}")
        assert not ignored(f"./x{name}")
        assert not ignored(f"./{name}x")
        assert not ignored(f"./sub/{name}")


@given(st.lists(TEXT.filter(lambda text: "\n" not in text and "\r" not in text), max_size=5), SEGMENT)
@example([], "\n")
def test_gitignore_lines_come_and_go(others: list[str], name: str) -> None:
    """Adding twice adds once; removing gives the text back; a missing last line break is repaired."""
    before = "\n".join(f"other {text}" for text in others)
    once = gitignore.added(before, name)
    assert gitignore.added(once, name) == once
    assert gitignore.removed(once, name) in (before, before + "\n")


RULES = st.lists(
    st.sampled_from(
        [
            "*.tmp",
            "!keep.tmp",
            "/a",
            "a/",
            "a/b",
            "**/b",
            "b/**",
            "a/**/b",
            "#x",
            "  c  ",
            "?",
            "[ab]",
            "!a",
            "!b/",
            "한*",
            "/*",
            "!/a",
        ]
    ),
    max_size=5,
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "keep.tmp", "x.tmp", "한글", "ab"]), min_size=1, max_size=4)


@settings(max_examples=200)
@given(RULES, RULES, PATHS)
def test_ignore_rules_are_those_of_dvc(top: list[str], inner: list[str], parts: list[str]) -> None:
    """For files at any depth, rules of one and of two files hide what dvc's own matcher hides."""
    from dvc.ignore import DvcIgnorePatterns
    from dvc.pathspec_math import merge_patterns

    theirs = DvcIgnorePatterns([rule.strip() for rule in top if not rule.startswith("#")], "/r", "/")
    rules = Ignore().with_file("", "\n".join(top))
    if len(parts) > 1 and parts[0] == "a":
        rules = rules.with_file("a", "\n".join(inner))
        below = DvcIgnorePatterns([rule.strip() for rule in inner if not rule.startswith("#")], "/r/a", "/")
        import posixpath

        merged, prefix = merge_patterns(posixpath, theirs.pattern_list, "/r", below.pattern_list, "/r/a")
        theirs = DvcIgnorePatterns(merged, prefix, "/")
    hidden = False
    for depth in range(1, len(parts) + 1):
        hidden = hidden or rules.hides("/".join(parts[:depth]), depth < len(parts))
    folder = "/".join(["/r", *parts[:-1]])
    assert hidden == theirs.matches(folder, parts[-1])


@given(MD5, st.booleans())
def test_keys_and_names(md5: str, folder: bool) -> None:
    """An object's key gives its name back; other keys give none."""
    name = md5 + ".dir" if folder else md5
    assert layout.name_of(layout.key_of(name)) == name
    for key in (f"x/{layout.key_of(name)}", layout.key_of(name) + "x", f"files/md5/{name}", f"runs/{md5}"):
        assert layout.name_of(key) is None


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(str.strip)


@given(
    st.dictionaries(st.sampled_from(["user", "password", "keyfile", "passphrase"]), VALUES.filter(bool), min_size=1),
    st.text("abc-_.한", min_size=1, max_size=6),
)
def test_a_written_config_is_read_again(options: dict[str, str], name: str) -> None:
    """Values with commas, quotes, hashes and percent signs come back as they were set, in dvc's reader too."""
    from configobj import ConfigObj

    where = "/r/.dvc/config"
    section = config.remote_section(name)
    text = config.with_value("# 위\n[core]\n    remote = a # beside\n", where, section, "url", "ssh://host/x")
    for key, value in options.items():
        try:
            text = config.with_value(text, where, section, key, value)
        except ConfigError:
            assert "'" in value or '"' in value  # nothing in this format can hold such a value
            return
    assert "# 위" in text
    assert "# beside" in text
    read = config.parse(text, where)[section]
    assert {key: read[key] for key in options if key != "keyfile"} == {
        key: value for key, value in options.items() if key != "keyfile"
    }
    assert ConfigObj(text.splitlines(), interpolation=False)[section]["url"] == "ssh://host/x"


CONFIG_PIECES = st.sampled_from(
    ["[core]", "[cache]", "['remote \"r\"']", "[a b]", "[]", "[[x]]", "    ", " ", "remote", "url", "=", " = ", "x",
     "값", "a b", "'", '"', "#", ",", "%", "\\", ":", "s3://b/x", "\t", "\u3000", "\r"]
)  # fmt: skip


@given(st.lists(st.lists(CONFIG_PIECES, max_size=5).map("".join), max_size=6).map("\n".join))
@example("[core]\n    remote = r\n['remote \"r\"']\n    url = s3://b/x y\n")
def test_the_fast_reader_of_configs_reads_what_configobj_reads(text: str) -> None:
    """What the fast reader takes, configobj takes too, and it is the same."""
    from configobj import ConfigObj

    found = plainconfig.load(text)
    if found is not None:
        lines = text.removesuffix("\n").split("\n") if text else []
        assert found == ConfigObj(lines, interpolation=False, encoding=None).dict()


def test_a_config_as_commands_write_it_is_read_fast() -> None:
    """What `remote add` and `config` write needs no configobj."""
    text = config.with_value("", "/r/.dvc/config", "core", "remote", "r")
    text = config.with_value(text, "/r/.dvc/config", config.remote_section("r"), "url", "s3://b/x")
    assert plainconfig.load(text) == {"core": {"remote": "r"}, 'remote "r"': {"url": "s3://b/x"}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[nosuch]\na = 1\n", "nosuch"),
        ("[core]\nnosuch = 1\n", "nosuch"),
        ("['remote \"r\"']\nurl = s3://b\nnosuch = 1\n", "nosuch"),
        ("['remote \"r\"']\nurl = gopher://b\n", "gopher"),
        ("[cache]\ntype = teleport\n", "teleport"),
        ("[core]\nanalytics = maybe\n", "analytics"),
        ("[core\n", "config"),
        ("a = 1\n", "outside"),
    ],
)
def test_what_dvc_refuses_in_a_config_is_refused(text: str, says: str) -> None:
    """One wrong key makes dvc refuse the whole configuration; so does madang, naming it."""
    with pytest.raises(ConfigError, match=says):
        config.parse(text, "/r/.dvc/config")


def test_levels_and_paths(tmp_path: Path) -> None:
    """Later levels win key by key; names are lower-cased; relative paths are those of the file's folder."""
    low = config.parse(
        "['REMOTE \"Big\"']\nURL = ../store\nregion = x\n[core]\nremote = big\n".replace("region = x\n", ""),
        "/r/.dvc/config",
    )
    high = config.parse("['remote \"big\"']\njobs = 3\n", "/r/.dvc/config.local")
    both = config.merged([low, high])
    assert both['remote "big"'] == {"url": "/r/store", "jobs": "3"}
    assert config.stored("../store", "/r/.dvc", "/r/sub") == "../store"
    assert config.stored("store", "/r/.dvc", "/r") == "../store"
    assert config.stored("s3://b/x", "/r/.dvc", "/r") == "s3://b/x"


BOMBS = {
    "lists": "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
    "merges": "a0: &a0 {k: v}\n"
    + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
    "itself": "a: &a [*a]\n",
}


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_aliases_are_bounded(kind: str) -> None:
    """A small text whose aliases stand for billions of values is refused by its name, before it is expanded."""
    for read in (yamltext.load, yamltext.load_for_update):
        with pytest.raises(InvalidInput, match=r"params\.yaml: its aliases"):
            read(BOMBS[kind], "params.yaml")


def test_aliases_in_moderation_are_read() -> None:
    """Anchors, aliases and merges mean what they mean to dvc."""
    assert yamltext.load("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\nc: [*a, *a]\n", "") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }
