"""Files of many repositories with pipelines, and what the real dvc makes of each: for tests that compare."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

Case = dict[str, str]
"""File name → text."""


def _yaml(text: str, **others: str) -> Case:
    return {"dvc.yaml": text, **{name.replace("__", "."): body for name, body in others.items()}}


_PARAMS = """\
lr: 0.001
exp: 1e-3
big: 1e10
yes: true
off: null
on: off
n: 3
name: 한글 값
list: [1, 2.5, true, null, two]
flags: [true, false]
dicts: [{a: 1, b: {c: x}}, {a: 2, b: {c: y}}]
nested: {a: {b: {c: deep}}, l: [[1, 2], [3, 4]]}
octal: 0o14
models:
  us: {thresh: 10, file: us.txt}
  gb: {thresh: 15, file: gb.txt}
cmdmap: {a: 1, t: true, f: false, s: "it's x", l: [1, "b c", true], none: null, in: {ner: {x: 2}}, empty: {}}
3: not a text
"""

CASES: dict[str, Case] = {
    "plain": _yaml("""\
stages:
  a:
    cmd: [echo 1, echo 2]
    wdir: sub/dir
    deps: [x, ../y, x]
    outs:
    - o1
    - o2: {cache: false, persist: true, desc: d, type: t, labels: [l1, l2], meta: {k: v}, remote: r, push: false}
    - o1: {persist: true}
    metrics: [m.json: {cache: false}]
    plots:
    - p.csv: {x: a, y: b, title: t, header: false, cache: false}
    frozen: true
    always_changed: true
    desc: what it does
    meta: {anything: [1, 2]}
"""),
    "types": _yaml(
        """\
stages:
  s:
    cmd: echo ${lr} ${exp} ${big} ${yes} ${off} ${on} ${n} ${name} ${octal} x
    deps: ["${name}", "d${n}"]
    outs: ["o-${list[0]}-${list.1}-${ list[ 2 ] }-${list[-1]}": {desc: "${name}"}]
    desc: ${nested.a.b.c}
    meta: {one: "${n}", two: "${yes}"}
""",
        params__yaml=_PARAMS,
    ),
    "map in cmd": _yaml(
        """\
stages:
  s:
    cmd: train ${cmdmap}
  list:
    cmd: ["first ${cmdmap}", "second ${cmdmap.in}"]
  exact:
    cmd: ${cmdmap}
""",
        params__yaml=_PARAMS,
    ),
    "escapes": _yaml(
        r"""
stages:
  s: {cmd: 'echo \${x} $X $$ ${n} $ {n} \\${n}'}
  t: {cmd: 'only \${x}'}
""",
        params__yaml=_PARAMS,
    ),
    "foreach list": _yaml(
        """\
stages:
  s:
    foreach: [us, gb, 1, 1.5, true, null, us]
    do: {cmd: "echo ${item}", outs: ["o/${item}"]}
""",
    ),
    "foreach reference": _yaml(
        """\
stages:
  s: {foreach: "${list}", do: {cmd: "echo ${item}"}}
  f: {foreach: "${flags}", do: {cmd: "echo ${item}"}}
  d: {foreach: "${dicts}", do: {cmd: "echo ${item.a} ${item.b.c}"}}
  m: {foreach: "${models}", do: {cmd: "echo ${key} ${item.thresh}", outs: ["${item.file}"]}}
  mixed: {foreach: ["${n}", "x${n}", true, "${yes}"], do: {cmd: "echo ${item}"}}
  literal: {foreach: {2: a, true: b, c: "${name}"}, do: {cmd: "echo ${key}=${item}"}}
""",
        params__yaml=_PARAMS,
    ),
    "matrix": _yaml(
        """\
stages:
  s:
    matrix:
      m: [a, b]
      cfg: ["${models.us}", {x: 1}]
      n: "${list}"
      b: [true, "${yes}", 1.0]
    cmd: echo ${item.m} ${item.n} ${key} ${item.b}
    outs: ["${key}"]
""",
        params__yaml=_PARAMS,
    ),
    "vars": _yaml(
        """\
vars:
- extra.json
- more.toml:one,two
- settings.py
- inline: {a: 1}
- params.yaml
stages:
  s:
    vars: [{local: 5}, "in sub.yaml"]
    wdir: "w${inline.a}"
    cmd: echo ${j} ${one} ${two.x} ${inline.a} ${local} ${Class.attr} ${CONST} ${subval} ${n}
""",
        extra__json='{"j": [1, {"x": 2}]}'.replace("[1, {", '"v", "z": [1, {'),
        more__toml='one = 1\n[two]\nx = "y"\n[three]\nz = 1\n',
        settings__py="CONST = 7\nclass Class:\n    attr = 1.5\n    def __init__(self):\n        self.inner = 2\n",
        params__yaml=_PARAMS,
        **{"w1/in sub.yaml": "subval: from sub\n"},
    ),
    "merged maps": _yaml(
        "vars: [{models: {fr: {thresh: 1}}}, a.yaml]\nstages: {s: {cmd: 'echo ${models.fr.thresh} ${models.de.x}'}}\n",
        params__yaml=_PARAMS,
        a__yaml="models: {de: {x: 9}}\n",
    ),
    "params": _yaml("""\
stages:
  s:
    cmd: x
    params: [a.b, c, other.json: [x, y.z], whole.toml: , "dir/p.yaml": [q], other.json: [k]]
  w:
    cmd: x
    params: [a, params.yaml: , b]
"""),
    "plots twice": _yaml("stages: {s: {cmd: x, plots: [a, b: {x: y, template: t}, a: {cache: false}]}}\n"),
    "wdir and outside": _yaml("""\
stages:
  s: {cmd: x, wdir: .., deps: [a, /abs/path, "s3://bucket/key", "https://h/p"], outs: ["/tmp/q": {cache: false}]}
"""),
    "no stages": _yaml("artifacts: {m: {path: x, type: model, labels: [a]}}\nmetrics: [m.json]\nplots: [p: {x: a}]\n"),
    "empty": _yaml(""),
    "comment only": _yaml("# nothing\n"),
    "unicode": _yaml("stages:\n  훈련:\n    cmd: echo 안녕\n    outs: [결과/ㄱ.txt]\n"),
    "folded": _yaml(
        "stages:\n  s:\n    cmd: >-\n      python a.py\n      --x 1\n  t:\n    cmd: |\n      one\n      two\n"
    ),
    "deep stage vars": _yaml(
        "stages:\n  s:\n    foreach: [1, 2]\n    do:\n      vars: [{v: 9}]\n      cmd: echo ${item} ${v}\n",
    ),
    "item defined": _yaml(
        "vars: [{item: 5, key: 6}]\nstages: {s: {foreach: {a: 1}, do: {cmd: 'echo ${item} ${key}'}}}\n"
    ),
    "dotted keys": _yaml("vars: [{'a.b': 1, c: 2}]\nstages: {s: {cmd: 'echo ${ c }'}}\n"),
    "wrong: dotted key": _yaml("vars: [{'a.b': 1}]\nstages: {s: {cmd: 'echo ${a.b}'}}\n"),
    "spaces": _yaml("vars: [{a: {b: [[7]]}}]\nstages: {s: {cmd: 'echo ${ a . b [0] [ 0 ] } ${a[b][0].0}'}}\n"),
    # everything below is wrong
    "wrong: no cmd": _yaml("stages: {s: {deps: [a]}}\n"),
    "wrong: null outs": _yaml("stages: {s: {cmd: x, outs: }}\n"),
    "wrong: unknown key": _yaml("stages: {s: {cmd: x, out: [a]}}\n"),
    "wrong: unknown flag": _yaml("stages: {s: {cmd: x, outs: [a: {cached: true}]}}\n"),
    "wrong: null flags": _yaml("stages: {s: {cmd: x, outs: [a: ]}}\n"),
    "wrong: templated bool": _yaml("vars: [{f: true}]\nstages: {s: {cmd: x, frozen: '${f}'}}\n"),
    "wrong: unknown name": _yaml("stages: {s: {cmd: 'echo ${nosuch}'}}\n"),
    "wrong: below a value": _yaml("vars: [{a: 1}]\nstages: {s: {cmd: 'echo ${a.b}'}}\n"),
    "wrong: list in text": _yaml("vars: [{a: [1]}]\nstages: {s: {cmd: 'echo ${a}'}}\n"),
    "wrong: map in dep": _yaml("vars: [{a: {b: 1}}]\nstages: {s: {cmd: x, deps: ['${a}']}}\n"),
    "wrong: expression": _yaml("vars: [{a: 1}]\nstages: {s: {cmd: 'echo ${a + 1} ${a..b}'}}\n"),
    "wrong: empty expression": _yaml("stages: {s: {cmd: 'echo ${}'}}\n"),
    "wrong: redefined": _yaml("vars: [{n: 3}]\nstages: {s: {cmd: x}}\n", params__yaml=_PARAMS),
    "wrong: partly after wholly": _yaml("vars: ['params.yaml:n']\nstages: {s: {cmd: x}}\n", params__yaml=_PARAMS),
    "wrong: twice in part": _yaml("vars: ['a.yaml:x', 'a.yaml:x']\nstages: {s: {cmd: x}}\n", a__yaml="x: 1\n"),
    "wrong: wholly after partly": _yaml("vars: ['a.yaml:x', a.yaml]\nstages: {s: {cmd: x}}\n", a__yaml="x: 1\ny: 2\n"),
    "wrong: missing file": _yaml("vars: [nosuch.yaml]\nstages: {s: {cmd: x}}\n"),
    "wrong: missing key": _yaml("vars: ['a.yaml:z']\nstages: {s: {cmd: x}}\n", a__yaml="x: 1\n"),
    "wrong: template in vars": _yaml("vars: [{a: '${b}'}]\nstages: {s: {cmd: x}}\n"),
    "wrong: list file": _yaml("vars: [a.yaml]\nstages: {s: {cmd: x}}\n", a__yaml="- 1\n"),
    "wrong: foreach of a text": _yaml("vars: [{a: text}]\nstages: {s: {foreach: '${a}', do: {cmd: x}}}\n"),
    "wrong: foreach with more": _yaml("stages: {s: {foreach: [1], do: {cmd: x}, cmd: y}}\n"),
    "wrong: reserved": _yaml("stages: {s: {foreach: [1], do: {vars: [{item: 2}], cmd: x}}}\n"),
    "wrong: yaml": _yaml("stages: [\n"),
    "wrong: duplicate key": _yaml("stages:\n  s: {cmd: x}\n  s: {cmd: y}\n"),
    "wrong: bad json": _yaml("vars: [a.json]\nstages: {s: {cmd: x}}\n", a__json="{"),
    "wrong: top level": _yaml("stage: {}\n"),
    "wrong: a list": _yaml("- a\n"),
    "wrong: nested list in cmd": _yaml("vars: [{m: {l: [[1]]}}]\nstages: {s: {cmd: 'x ${m}'}}\n"),
}

_ASK = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
from dvc.repo import Repo
from dvc.dependency import ParamsDependency
def plain(stage):
    params = [d for d in stage.deps if isinstance(d, ParamsDependency)]
    return {
        "name": stage.name, "cmd": stage.cmd, "wdir": os.path.relpath(stage.wdir, os.path.dirname(stage.path)),
        "deps": [d.def_path for d in stage.deps if not isinstance(d, ParamsDependency)],
        "params": {d.def_path: d.params for d in params},
        "outs": [[o.def_path, "metric" if o.metric else "plot" if o.plot else "out", o.use_cache, o.persist, o.can_push,
                  o.remote, o.annot.to_dict(), o.plot if isinstance(o.plot, dict) else {}] for o in stage.outs],
        "frozen": stage.frozen, "always_changed": stage.always_changed, "desc": stage.desc, "meta": stage.meta,
    }
found = {}
for folder in json.load(sys.stdin):
    os.chdir(folder)
    try:
        repo = Repo(folder)
        found[folder] = [plain(s) for s in repo.index.stages if s.name]
    except Exception as error:
        found[folder] = type(error).__name__ + ": " + str(error)
print(json.dumps(found))
"""


def write(folder: Path, case: Case) -> Path:
    """Make a repository that git does not know with the files of a case."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    for name, text in case.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def ask_dvc(folders: list[Path], environment: dict[str, str]) -> dict[str, Any]:
    """What the real dvc resolves in each repository: a list of stages, or its complaint."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        input=json.dumps([str(folder) for folder in folders]),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found
