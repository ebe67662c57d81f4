"""Models in the MLmodel layout: safe formats by themselves, pickle only when it is asked for by name."""

from __future__ import annotations

import pickle
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import madang
from madang.domain import events
from madang.formats import mlmodel
from madang.sdk import models
from madang.testing.programs import Place

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([0, 0, 1, 1])


def classifiers() -> list[Any]:
    """One of each family."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return [
        LogisticRegression(),
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(n_estimators=3, random_state=0),
        SGDClassifier(random_state=0),
        KNeighborsClassifier(2),
        HistGradientBoostingClassifier(max_iter=3),
    ]


@pytest.mark.parametrize("number", range(6))
def test_scikit_learn_models_come_back_without_a_pickle(tmp_path: Path, number: int) -> None:
    """Every family is written by skops, and predicts the same after loading without trust in anything."""
    model = classifiers()[number].fit(X, Y)
    models.save(model, str(tmp_path))
    assert not list(tmp_path.glob("*.pkl"))
    assert np.array_equal(models.load(str(tmp_path)).predict(X), model.predict(X))
    described = mlmodel.load((tmp_path / "MLmodel").read_text())
    assert described.flavors["python_function"]["loader_module"] == "mlflow.sklearn"
    assert described.flavors["sklearn"]["serialization_format"] == "skops"
    assert described.uuid
    assert "scikit-learn==" in (tmp_path / "requirements.txt").read_text()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # MLflow's own
def test_estimators_of_boosting_give_labels_again(tmp_path: Path) -> None:
    """A classifier of LightGBM or XGBoost is one again, also for MLflow; an unsafe one is at least its booster."""
    import lightgbm
    import xgboost
    from mlflow import pyfunc

    rows, labels = np.arange(400.0).reshape(200, 2), np.array(["no", "yes"]).repeat(100)
    found: Any = lightgbm.LGBMClassifier(n_estimators=3, learning_rate=1, verbose=-1, n_jobs=1).fit(rows, labels)
    guessed = found.predict(rows).tolist()
    assert set(guessed) == {"no", "yes"}
    (tmp_path / "l").mkdir()
    models.save(found, str(tmp_path / "l"))
    assert madang.load_model(tmp_path / "l").predict(rows).tolist() == guessed
    assert pyfunc.load_model(str(tmp_path / "l")).predict(rows).tolist() == guessed
    one: Any = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(rows, labels == "yes")
    (tmp_path / "x").mkdir()
    models.save(one, str(tmp_path / "x"))
    assert madang.load_model(tmp_path / "x").predict(rows).tolist() == (labels == "yes").tolist()
    found.unsafe = Own()
    (tmp_path / "own").mkdir()
    models.save(found, str(tmp_path / "own"))
    assert not (tmp_path / "own" / "model.skops").exists()
    assert madang.load_model(tmp_path / "own").predict(rows).shape == (200,)


class Own:
    """A class of somebody's own."""


def test_a_logged_model_is_loaded_by_name(place: Place) -> None:
    """log_model() makes a version of type model; load_model() finds it by name, number and alias."""
    from sklearn.linear_model import LogisticRegression

    with madang.init("p") as run:
        run.log_model(LogisticRegression().fit(X, Y), "분류기", aliases=["best"], metadata={"data": "v1"})
    (version,) = place.events(events.VersionWritten)
    assert (version.name, version.type, version.aliases) == ("분류기", "model", ["best"])
    assert "MLmodel" in [path for path, _, _ in version.entries]
    for ref in ("분류기", "분류기:v1", "분류기@best"):
        assert madang.load_model(ref, project="p").predict([[3.0]]) == [1]
    with pytest.raises(madang.NotFound):
        madang.load_model("nothing", project="p")


class Custom:
    """A model of the user's own."""

    def predict(self, rows: Any) -> list[int]:
        """Always one."""
        return [1 for _ in rows]


def test_pickle_needs_the_flag_on_both_sides(tmp_path: Path) -> None:
    """A model without a safe format is refused by name of the flag; with it, loading asks for the flag again."""
    with pytest.raises(madang.Refused, match="allow_pickle=True"):
        models.save(Custom(), str(tmp_path))
    models.save(Custom(), str(tmp_path), allow_pickle=True)
    with pytest.raises(madang.Refused, match=r"model\.pkl is a pickle.*allow_pickle=True"):
        madang.load_model(tmp_path)
    assert madang.load_model(tmp_path, allow_pickle=True).predict([1, 2]) == [1, 1]


def test_a_crafted_skops_file_is_not_trusted(tmp_path: Path) -> None:
    """The list of trusted types is the author's word: types we do not know are refused, and nothing runs."""
    from sklearn.linear_model import LogisticRegression

    models.save(LogisticRegression().fit(X, Y), str(tmp_path))
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json").decode()
        rest = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    assert '"LogisticRegression"' in schema
    schema = schema.replace('"sklearn.linear_model._logistic"', '"subprocess"').replace(
        '"LogisticRegression"', '"Popen"'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema)
        for name, body in rest.items():
            archive.writestr(name, body)
    described = (tmp_path / "MLmodel").read_text()
    (tmp_path / "MLmodel").write_text(
        described.replace("skops_trusted_types: []", "skops_trusted_types: [subprocess.Popen]")
    )
    with pytest.raises(madang.Refused, match=r"subprocess\.Popen"):
        models.load(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("flavors: {sklearn: {pickled_model: ../../outside.skops, serialization_format: skops}}", madang.NotFound),
        ("flavors: {sklearn: {pickled_model: /etc/passwd}}", madang.NotFound),
        ("flavors: {keras: {}}", madang.NotFound),
        ("flavors: 3", madang.CorruptData),
        ("{", madang.CorruptData),
        ("!!python/object/apply:os.system ['true']", madang.CorruptData),
    ],
)
def test_a_hostile_description_leads_nowhere(tmp_path: Path, text: str, error: type[Exception]) -> None:
    """Paths out of the folder, unknown flavors and broken or dangerous YAML are refused."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.skops").write_bytes(pickle.dumps(1))
    (folder / "MLmodel").write_text(text)
    with pytest.raises(error):
        models.load(str(folder), allow_pickle=True)


def test_a_folder_is_taken_as_it_is(place: Place) -> None:
    """A path given to log_model() becomes the version, whatever wrote it."""
    Path("saved").mkdir()
    Path("saved/weights.bin").write_bytes(b"x")
    with madang.init() as run:
        run.log_model("saved", "net")
    (version,) = place.events(events.VersionWritten)
    assert (version.type, [path for path, _, _ in version.entries]) == ("model", ["weights.bin"])


def test_descriptions_keep_what_they_do_not_know() -> None:
    """Reading and writing a description of another writer keeps its fields."""
    text = (
        "artifact_path: model\nflavors:\n  python_function:\n    loader_module: x\nsignature: {a: '[]'}\nrun_id: abc\n"
    )
    described = mlmodel.load(text)
    assert (described.run, described.extra["signature"]) == ("abc", {"a": "[]"})
    assert mlmodel.load(mlmodel.dump(described)) == described


def test_weights_that_safetensors_cannot_hold_are_refused(place: Place) -> None:
    """Sparse, quantized and empty (meta) tensors, and keys that are no texts, are named before anything is written."""

    class Tensor:
        layout = "torch.strided"
        data_ptr = None

        def __init__(self, **facts: Any) -> None:
            self.__dict__.update(facts)

    Tensor.__module__ = "torch"
    for state in (
        {"a": Tensor(layout="torch.sparse_coo")},
        {"a": Tensor(is_meta=True)},
        {"a": Tensor(is_quantized=True)},
        {0: Tensor()},
    ):
        with madang.init() as run, pytest.raises(madang.Refused, match="no dense tensors"):
            run.log_model(state, "m")


def test_a_model_is_found_in_the_only_project_that_has_it(place: Place) -> None:
    """Without a project's name the repository's comes first; among several others the caller must choose."""
    model = classifiers()[0].fit(X, Y)
    with madang.init(project="iris") as run:
        run.log_model(model, "net")
    assert madang.load_model("net").predict(X).shape == (4,)
    with madang.init(project="wine") as run:
        run.log_model(model, "net")
    with pytest.raises(madang.Conflict, match="Several projects"):
        madang.load_model("net")
    assert madang.load_model("net:v1", project="wine").predict(X).shape == (4,)


class KerasModel:
    """Behaves like `keras.Model` as far as its file and its predictions go."""

    def save(self, path: str) -> None:
        Path(path).write_text("weights")

    def predict(self, data: Any, verbose: int = 1) -> Any:
        return np.asarray(data).sum(axis=1, keepdims=True)


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> type[KerasModel]:
    """A stand-in for the package, which takes a minute to install; its class of models."""
    kind = type("Model", (KerasModel,), {"__module__": "keras.src.models.model"})
    parts = {name: ModuleType(f"keras.{name}") for name in ("saving", "backend")}
    package = ModuleType("keras")
    vars(package).update(parts, __version__="3.15.1", __path__=[])
    vars(parts["backend"])["backend"] = lambda: "jax"
    vars(parts["saving"])["load_model"] = lambda path, safe_mode: kind() if Path(path).read_text() else None
    monkeypatch.setitem(sys.modules, "keras", package)
    for name, part in parts.items():
        monkeypatch.setitem(sys.modules, f"keras.{name}", part)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return kind


def test_a_model_of_keras_is_stored_by_keras(tmp_path: Path, keras: type[KerasModel]) -> None:
    """As MLflow lays it out, with a signature, whatever computes it; what may run code is loaded only by name."""
    models.save(keras(), str(tmp_path), input_example=np.ones((2, 3), "float32"))
    described = mlmodel.load((tmp_path / "MLmodel").read_text())
    assert described.flavors["keras"] == {
        "data": "data", "keras_version": "3.15.1", "keras_backend": "jax", "save_exported_model": False,
    }  # fmt: skip
    assert described.flavors["python_function"]["loader_module"] == "mlflow.keras"
    assert [(tmp_path / "data" / name).read_text() for name in ("keras_module.txt", "model.keras")] == [
        "keras", "weights",
    ]  # fmt: skip
    assert '"shape": [-1, 1]' in described.extra["signature"]["outputs"]
    with pytest.raises(madang.Refused):
        models.load(str(tmp_path))
    assert isinstance(models.load(str(tmp_path), allow_pickle=True), keras)


class Module:
    """Behaves like `torch.nn.Module` as far as its weights' names go."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)

    def state_dict(self) -> dict[str, str]:
        found = {}
        for name, part in vars(self).items():
            inner = part.state_dict().items() if isinstance(part, Module) else [("", part)]
            found.update({f"{name}.{key}".rstrip("."): value for key, value in inner})
        return found


def _wrapper(name: str, module: str) -> type[Module]:
    return type(name, (Module,), {"__module__": module})


def test_a_wrapped_module_is_saved_as_itself() -> None:
    """The weights of a module in DataParallel or torch.compile have the names that the module itself loads."""
    compiled = _wrapper("OptimizedModule", "torch._dynamo.eval_frame")
    parallel = _wrapper("DistributedDataParallel", "torch.nn.parallel.distributed")
    plain = Module(layer=Module(weight="w"), module=Module(weight="v"), bias="b")
    inside = Module(layer=compiled(_orig_mod=plain.layer), module=plain.module, bias="b")  # type: ignore[attr-defined]
    for model in (
        plain, compiled(_orig_mod=plain), parallel(module=plain), compiled(_orig_mod=parallel(module=plain)),
        parallel(module=compiled(_orig_mod=plain)), inside, parallel(module=inside),
    ):  # fmt: skip
        assert models.weights_of(model) == {"layer.weight": "w", "module.weight": "v", "bias": "b"}
