"""dvc.yaml, dvc.lock and files of parameters mean to us what they mean to the real dvc."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.data.pipeline_cases import CASES, ask_dvc, write

from madang.errors import InvalidInput, NotFound
from madang.formats.dvc import lockfile, parameters, plainwriting, plainyaml, templating, yamltext
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.lock_editing import LockText
from madang.formats.dvc.pipeline import Pipeline, StageEntry
from madang.formats.dvc.plainvalues import NotPlain


def read_in(folder: Path) -> templating.Read:
    """Files below a folder, as a pipeline asks for them."""

    def read(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return read


def plain(stage: StageEntry) -> dict[str, Any]:
    """A stage in the form in which the real dvc was asked for it."""
    return {
        "name": stage.name,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": list(stage.deps),
        "params": {path: list(keys) for path, keys in stage.params.items()},
        "outs": [
            [
                out.path, out.kind, out.cache, out.persist, out.push, out.remote,
                {key: value for key, value in (
                    ("desc", out.desc), ("type", out.type), ("labels", list(out.labels)), ("meta", out.meta),
                ) if value},
                dict(out.plot),
            ]
            for out in stage.outs
        ],
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "desc": stage.desc,
        "meta": stage.meta,
    }  # fmt: skip


def ours(folder: Path) -> Any:
    """Every stage of a repository's dvc.yaml, or the complaint."""
    try:
        pipeline = Pipeline((folder / "dvc.yaml").read_text(), "dvc.yaml", read_in(folder))
        stages = [plain(pipeline.stage(name)) for name in pipeline.names()]
        pipeline.artifacts()
        for section in ("metrics", "params", "plots", "datasets"):
            pipeline.section(section)
    except InvalidInput as error:
        return str(error)
    return stages


def test_every_stage_is_what_the_real_dvc_resolves(tmp_path: Path) -> None:
    """Groups, templates, variables and flags give the same stages in the same order, or are refused by both."""
    folders = {name: write(tmp_path / str(index), case) for index, (name, case) in enumerate(CASES.items())}
    theirs = ask_dvc(list(folders.values()), {**os.environ, "DVC_SITE_CACHE_DIR": str(tmp_path / "site")})
    for name, folder in folders.items():
        expected, found = theirs[str(folder)], ours(folder)
        assert isinstance(found, str) == name.startswith("wrong: "), (name, found)
        assert isinstance(expected, str) == isinstance(found, str), (name, expected, found)
        if isinstance(found, str):
            assert found.startswith(("dvc.yaml", "params.yaml")), found
        else:
            assert found == expected, name


MANY = ", ".join(f"a{number}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]" for number in range(10))


def resolve_all(text: str) -> None:
    """Resolve everything in a dvc.yaml that stands alone."""
    pipeline = Pipeline(text, "dvc.yaml", lambda path: None)
    assert pipeline.context is not None
    for name in pipeline.names():
        pipeline.stage(name)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("stages:\n  s:\n    cmd: x\n    outs:\n    - a:\n        cache: maybe\n", "line 6, stages.s.outs[0].a.cache"),
        ("stages:\n  s:\n    cmd: x\n    nosuch: 1\n", "line 4, stages.s.nosuch"),
        ("stages:\n  s:\n    cmd: x\n\n  t:\n    cmd: ${no.such}\n", "line 6, stages.t.cmd"),
        (
            "stages:\n  s:\n    foreach: [1]\n    do:\n      cmd: x\n      deps: [a, '${b}']\n",
            "line 6, stages.s.do.deps",
        ),
        ("vars:\n- nosuch.yaml\nstages: {}\n", "line 1, vars"),
        ("stages:\n  s:\n   cmd: [\n", "line 4"),
        (
            f"stages:\n  s:\n    matrix: {{{MANY}}}\n    cmd: x\n",
            "line 3, stages.s.matrix: the axes make 10,000,000,000",
        ),
    ],
)
def test_a_complaint_names_file_line_and_key(text: str, place: str) -> None:
    """What is wrong can be found without searching."""
    with pytest.raises(InvalidInput) as complaint:
        resolve_all(text)
    assert place in str(complaint.value)
    assert str(complaint.value).startswith("dvc.yaml")


def test_a_wrong_stage_does_not_hide_the_others() -> None:
    """One stage can be had while another cannot be resolved; names that are none are not found."""
    text = "stages:\n  good: {cmd: x}\n  bad: {cmd: '${no}'}\n  g: {foreach: [1, 2], do: {cmd: 'x ${item}'}}\n"
    pipeline = Pipeline(text, "dvc.yaml", lambda path: None)
    assert pipeline.stage("good").cmd == "x"
    assert pipeline.stage("g@2").cmd == "x 2"
    assert pipeline.stage("g@2").group == "g"
    assert pipeline.group("g") == ["g@1", "g@2"]
    assert "g@1" in pipeline
    for name in ("g", "g@3", "good@1", "nosuch", "", "@"):
        assert name not in pipeline
        with pytest.raises(NotFound):
            pipeline.stage(name)


def test_a_date_hurts_only_who_uses_it() -> None:
    """A date in params.yaml stops no stage that has no use for it (in dvc all of them); one that is used is refused."""
    values = b"day: 2026-01-01\ndeep: {list: [1, 2026-01-01]}\nn: 3\n"
    text = (
        "stages:\n  a: {cmd: 'x ${n} ${deep.list[0]}'}\n  b: {cmd: 'x ${day}'}\n"
        "  c: {foreach: '${deep}', do: {cmd: x}}\n"
    )
    pipeline = Pipeline(text, "dvc.yaml", lambda path: values if path == "params.yaml" else None)
    assert pipeline.stage("a").cmd == "x 3 1"
    with pytest.raises(InvalidInput, match=r"line 3, stages\.b\.cmd: 'day' is a date"):
        pipeline.stage("b")
    with pytest.raises(InvalidInput, match="'deep' is a date"):
        pipeline.group("c")


def test_options_of_mappings_follow_the_configuration() -> None:
    """parsing.bool and parsing.list change how a mapping becomes options."""
    context = templating.Context().with_vars([{"m": {"t": True, "f": False, "l": ["a b", 1]}}], "", lambda path: None)
    style = templating.Style("boolean_optional", "append")
    assert templating.resolve("x ${m}", context, "cmd", style) == "x --t --no-f --l 'a b' --l 1"
    assert templating.resolve("x ${m}", context, "cmd") == "x --t --l 'a b' 1"


@given(st.text(alphabet="ab.[]{}$\\ 0", max_size=30))
def test_templates_never_fail_otherwise(text: str) -> None:
    """Any text resolves to a value or is refused."""
    context = templating.Context().with_vars([{"a": [1, {"b": "x"}], "b": {"a": 2.5}}], "", lambda path: None)
    try:
        templating.resolve_text(text, context)
    except InvalidInput:
        return


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "true",
        "1e3",
        "0x1f",
        "~",
        "a: b",
        "- x",
        "# c",
        " lead",
        "it's",
        "two\nlines\n",
        "word " * 40,
        "2026-01-01",
        "012",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


def is_read_alike(text: str) -> bool:
    """Whether the fast reader makes of a text what ruamel makes of it; False when it does not judge it."""
    try:
        found = plainyaml.load(text)
    except plainyaml.NotPlain:
        return False
    assert repr(found) == repr(YAML(typ="safe").load(text)), text
    return True


@given(st.dictionaries(_TEXT, _VALUES, max_size=5))
def test_the_fast_reader_reads_what_is_written_as_ruamel_does(value: dict[str, Any]) -> None:
    """A document that ruamel wrote means the same to both readers, or the fast one passes it on."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(value, stream)
    is_read_alike(stream.getvalue())


_PIECES = (
    "a", "b: 1", "- x", "- ", "key:", "  ", "\n", "\n  ", "\n- ", "\n    ", "# c", " # c", "'q'", '"d"', "'it''s'",
    '"a\\nb"', "|\n  x\n  y", "|-\n    x\n", ">\n  f g\n  h\n", "[1, 2]", "{a: b}", "[]", "{a: [x, 'y']}", "${x}",
    "1.5", "1e3", "null", "~", "010", "2024-01-01", "x:y", "http://u/v", "한", "-x", "- - y", ": ", "? ", "'", '"',
    "&x", "*x", "<<: x", "k: v", "outs:\n- md5: 0123e456\n  size: 1\n", "  foo bar",
    "cmd: aaa\n  bbb\n", '"x\n  y"', "k : v",
    "'k': v", "@", "a#b", "a #b", ",", "]", "\t", "-", "--- ", "|+\n x\n", "1_000", "-_", "+1", ".5", ".inf", "=",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=9))
def test_the_fast_reader_never_reads_what_ruamel_refuses(pieces: list[str]) -> None:
    """Whatever the fast reader accepts, right or odd, ruamel accepts with the same meaning."""
    is_read_alike("".join(pieces))


_SIGNS = "".join(chr(code) for code in range(32, 127))
_WORD = st.one_of(
    st.builds(lambda first, rest: (first + rest).strip(), st.sampled_from("aZ09_/$.e"), st.text(_SIGNS, max_size=30)),
    st.from_regex(r"\A[0-9.eExob_+-]{1,8}\Z"),
    st.text("abcdef0123456789", min_size=32, max_size=32),
)
_ANY = st.recursive(
    _WORD | st.integers() | st.booleans() | st.none() | st.floats(-1e6, 1e6).map(lambda number: round(number, 3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORD, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.dictionaries(_WORD, _ANY, min_size=1, max_size=3))
def test_the_fast_writer_writes_what_ruamel_writes(value: dict[str, Any]) -> None:
    """What it does not leave to the full writer is the same, byte by byte."""
    try:
        text = plainwriting.dump(value)
    except NotPlain:
        return
    assert text == yamltext._dump_any(value)


def test_records_are_written_the_fast_way() -> None:
    """Common stages need no full writer: that takes longer than many a stage."""
    item, out = (lockfile.item(name, Content("3ecfad755fa825f7a17c5526ec44e651", 5)) for name in ("raw.csv", "model"))
    entry = lockfile.entry("python train.py --lr 0.1", [item], {"params.yaml": {"lr": 0.1, "on": True}}, [out])
    assert plainwriting.dump({"stages": {"train@kr-1": entry}}).startswith("stages:\n  train@kr-1:\n    cmd: python")
    with pytest.raises(NotPlain):
        plainwriting.dump({"twice": [item, item]})


def test_common_files_take_the_fast_path() -> None:
    """What dvc and people write is read fast: folded commands, quotes, comments, flow lists, block texts."""
    for case in CASES.values():
        for name, text in case.items():
            if name.endswith(".yaml") and "wrong" not in text:
                is_read_alike(text)
    plain_cases = [name for name, case in CASES.items() if is_read_alike(case["dvc.yaml"])]
    assert len(plain_cases) > len(CASES) // 2
    long = "python train.py --with 'many options' && echo " + "word " * 40
    lock = LockText("", "").put({"s": lockfile.entry(long + "\n", [], {"p.yaml": {"a": [1, {"b": None}]}}, [])})
    assert is_read_alike(lock)


def test_values_of_parameter_files(tmp_path: Path) -> None:
    """Each kind of file gives dvc's values; keys reach into mappings and lists; a pattern may name one value."""
    from dvc.dependency.param import read_param_file
    from dvc.fs import localfs

    files = {
        "a.yaml": "x: {y: [1, {z: 0o17}], 1: one}\nt: 012\nk: on\n'a.b': 5\n",
        "b.json": '{"x": {"y": [1, {"z": 2}]}, "k": null}',
        "c.toml": 'k = 1\n[x]\ny = [1, {z = 2}]\nt = 1979-05-27\n',
        "d.py": (
            "x: int = 3\ny = {'z': (1, 2), 'w': [1]}\nw = f()\na = b = 1\nx.y = 2\n\nclass C:\n    k = {1, 2}\n"
            "    def __init__(self):\n        self.inner = -1\n        local = 2\n"
            "    def other(self):\n        self.no = 1\n"
            "def __init__():\n    self.top = 5\n"
        ),
        "empty.yaml": "",
        "E.JSON": '{"k": 1}',
    }  # fmt: skip
    keys = [
        "x",
        "x.y",
        "x.y.0",
        "x.y.1.z",
        "x.1",
        "t",
        "k",
        "a.b",
        "y.z",
        "C.inner",
        "C.k",
        "top",
        "x.[y]",
        "no",
        "y.w.0",
    ]
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text)
        values = parameters.parse(text.encode(), name)
        assert values == read_param_file(localfs, str(path))
        chosen = parameters.selected(values, keys, name)
        assert chosen == read_param_file(localfs, str(path), keys, flatten=True), name
    for name, text in (("a.yaml", "a: ["), ("b.json", "{"), ("c.toml", "="), ("d.py", "def"), ("e.yaml", "\xff")):
        with pytest.raises(InvalidInput, match=name[0]):
            parameters.parse(text.encode("latin-1"), name)
    with pytest.raises(InvalidInput, match="fits 2"):
        parameters.selected({"a": 1, "b": 2}, ["*"], "a.yaml")


def test_a_lock_is_changed_only_where_it_changed() -> None:
    """Comments, foreign keys and the order of stages stay; a new stage stands last; keys have dvc's order."""
    text = (
        "# 맨 위\nschema: '2.0'\ndatasets: []\nstages:\n  b:   # two\n    cmd: x\n"
        "  a:\n    cmd: y   # beside\n    outs:\n"
        "    - path: o\n      md5: 0123456789abcdef0123456789abcdef\n      size: 1\n"
    )
    content = Content("f" * 32, 5, isexec=True)
    folder = Content("0" * 32 + ".dir", 7, 2)
    new = lockfile.entry(
        ["one", "two"],
        [lockfile.item("z", content), lockfile.item("b", folder)],
        {"z.yaml": {"b": 1, "a": (1, 2)}, "params.yaml": {"x.y": None}},
        [],
    )
    written = LockText(text, "dvc.lock").put({"new": new})
    assert written.startswith(text)
    assert written[len(text) :] == (
        "  new:\n    cmd:\n    - one\n    - two\n    deps:\n    - path: b\n      hash: md5\n"
        f"      md5: {'0' * 32}.dir\n      size: 7\n      nfiles: 2\n    - path: z\n      hash: md5\n"
        f"      md5: {'f' * 32}\n      size: 5\n      isexec: true\n"
        "    params:\n      params.yaml:\n        x.y:\n      z.yaml:\n"
        "        a:\n        - 1\n        - 2\n        b: 1\n"
    )
    lock = lockfile.Lock(written, "dvc.lock")
    assert "new" in lock
    entry = lock.stage("a")
    assert entry is not None
    assert entry.outs["o"].hash_name is None
    assert lock.stage("nosuch") is None
    found = lock.stage("new")
    assert found is not None
    assert found.deps["b"].nfiles == 2
    assert found.params["params.yaml"] == {"x.y": None}
    assert LockText(written, "dvc.lock").put({"new": new}) == written


_ENTRY = st.builds(
    lockfile.entry,
    _TEXT.filter(bool),
    st.lists(st.builds(lockfile.item, _TEXT, st.just(Content("f" * 32, 5))), max_size=2),
    st.dictionaries(_TEXT, st.dictionaries(_TEXT, _VALUES, max_size=2), max_size=2),
    st.just([]),
)


@settings(max_examples=20)
@given(
    st.dictionaries(_TEXT, _ENTRY, min_size=1, max_size=4),
    st.lists(st.dictionaries(_TEXT, _ENTRY, min_size=1, max_size=2), min_size=1, max_size=3),
)
def test_a_lock_written_by_lines_is_what_the_full_writer_writes(
    old: dict[str, Any], news: list[dict[str, Any]]
) -> None:
    """Replacing the lines of some stages, time and again, gives the very bytes of a complete round trip."""
    lock = LockText(yamltext.dump({"schema": "2.0", "stages": old}), "dvc.lock")
    for new in news:
        document = yamltext.load_for_update(lock.text, "dvc.lock")
        document["stages"].update(new)
        assert lock.put(new) == yamltext.dump(document)


@pytest.mark.parametrize(
    "text",
    [
        "stages: {}\n", "schema: '1.0'\nstages: {}\n", "schema: 2.0\nstages: {}\n", "schema: '2.0'\nother: 1\n",
        "schema: '2.0'\nstages: {a: {}}\n", "- a\n", "schema: '2.0'\nstages: {a: {cmd: x, outs: [{md5: abc}]}}\n",
        "schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: p, md5: zz}]}}\n",
    ],
)  # fmt: skip
def test_a_wrong_lock_is_refused(text: str) -> None:
    """What dvc would refuse is not read half."""
    with pytest.raises(InvalidInput):
        lockfile.Lock(text, "dvc.lock").stage("a")


def test_line_of_an_unreadable_text() -> None:
    """A place in a text that cannot be parsed is not known, which is no error."""
    assert yamltext.line_of("a: [", ["a"]) == 0
    assert yamltext.line_of("a:\n  b: 1\n", ["a", "b"]) == 2
    assert yamltext.line_of("a: 1\n", ["a", "b"]) == 1
