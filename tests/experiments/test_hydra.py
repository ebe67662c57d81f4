"""Parameters that Hydra composes: the same params.yaml as dvc's, in the work tree, beside it and for the queue."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.helpers import Tool, make
from tests.experiments.conftest import git
from tests.experiments.test_beside_dvc import twin

from madang.formats.dvc.overrides import Override, parse
from madang.formats.dvc.overrides_writing import as_text

CONFIG = {
    "conf/config.yaml": b"""\
defaults: [_self_, model: cnn, db: sqlite]
lr: 0.1
epochs: 3
name: ${model.name}-${lr}
""",
    "conf/model/cnn.yaml": "name: cnn\nlayers: [1, 2]\nnote: 한글\n".encode(),
    "conf/model/mlp.yaml": b"name: mlp\nwidth: 8\n",
    "conf/db/sqlite.yaml": b"path: /tmp/x\n",
    "conf/db/pg.yaml": b"host: h\nport: 1\n",
}


@pytest.fixture
def composed(project: Path, madang: Tool) -> Path:
    """A project whose parameters are composed."""
    make(project, CONFIG)
    assert madang(project, "config", "hydra.enabled", "True").code == 0
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "hydra")
    return project


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("lr=0.5", "model=mlp", "db=pg", "db.port=5432"),
        ("+new.key=[1,a,{b: c}]", "~model.layers", "++model.depth=4", "name='a, b'", "~db", "epochs=null", "lr=1e-3"),
        ("model.note='it\\'s'", "name=${model.name}", "db.path='back\\\\\\'slash\\\\'"),
    ],
)
def test_params_are_those_that_dvc_composes(composed: Path, dvc: Tool, madang: Tool, words: tuple[str, ...]) -> None:
    """Config groups, additions, deletions, quotes and interpolations: the same bytes."""
    theirs = twin(composed)
    options = [word for one in words for word in ("-S", one)]
    for tool, folder in ((dvc, theirs), (madang, composed)):
        answer = tool(folder, "exp", "run", "-n", "one", *options)
        assert answer.code == 0 or "lr" in answer.err, answer.err
    assert (composed / "params.yaml").read_bytes() == (theirs / "params.yaml").read_bytes()


def test_beside_the_work_tree(composed: Path, madang: Tool) -> None:
    """With --temp, --queue and --rev the work tree's params.yaml stays; the experiment has the composed one."""
    before = (composed / "params.yaml").read_bytes()
    assert madang(composed, "exp", "run", "--temp", "-n", "mlp", "-S", "model=mlp").code == 0
    assert madang(composed, "exp", "run", "--queue", "-n", "q", "-S", "model=cnn,mlp").code == 0
    make(composed, {"conf/model/mlp.yaml": b"name: changed\n"})
    assert madang(composed, "exp", "run", "--temp", "--rev", "HEAD", "-n", "old", "-S", "model=mlp").code == 0
    assert madang(composed, "exp", "run", "--run-all").code == 0
    assert (composed / "params.yaml").read_bytes() == before
    held = {}
    for line in git(composed, "for-each-ref", "--format=%(refname)", "refs/exps").split():
        held[line.split("/")[-1]] = git(composed, "show", f"{line}:params.yaml")
    assert "name: mlp\n  width: 8" in held["mlp"]
    assert held["old"] == held["mlp"] == held["q-2"]
    assert "name: cnn" in held["q-1"]


def test_what_cannot_be_composed_is_told_in_a_sentence(composed: Path, madang: Tool) -> None:
    """An unknown group or key, a broken file, a folder that is not there: an error with its name; nothing changes."""
    before = (composed / "params.yaml").read_bytes()
    for words, name in ((("-S", "model=none"), "model/none"), (("-S", "nothing=1"), "nothing")):
        answer = madang(composed, "exp", "run", *words)
        assert answer.code == 255
        assert name in answer.err
        assert "Traceback" not in answer.err
    make(composed, {"conf/config.yaml": b"a: [1\n"})
    answer = madang(composed, "exp", "run")
    assert answer.code == 255
    assert "config.yaml" in answer.err
    assert madang(composed, "config", "hydra.config_dir", "elsewhere").code == 0
    assert "elsewhere" in madang(composed, "exp", "run").err
    assert (composed / "params.yaml").read_bytes() == before
    assert madang(composed, "exp", "run", "--no-hydra", "-S", "lr=0.7").code == 0
    assert b"lr: 0.7" in (composed / "params.yaml").read_bytes()


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
name = st.from_regex(r"[a-z][a-z_]{0,5}", fullmatch=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name, inner, max_size=3),
    max_leaves=5,
)


@given(plain)
def test_a_value_is_written_as_it_is_read(value: object) -> None:
    """Whatever a parameter may be: its text in Hydra's grammar gives the same value again, here and in Hydra."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    text = as_text(Override("params.yaml", "key", "add", value))
    assert parse(text).value == value
    (theirs,) = OverridesParser.create().parse_overrides([text])
    assert theirs.value() == value
