"""`madang.autolog()`: what it patches and when, which run it writes to, and that it never spoils a training."""

from __future__ import annotations

import pytest

import madang
from madang.errors import InvalidInput
from madang.testing.programs import Place

FIT = """
from sklearn.linear_model import Ridge
import numpy
X = numpy.arange(12.0).reshape(6, 2) ** 2
"""


def trained(place: Place, code: str, **env: str) -> str:
    """What a program says in which scikit-learn was loaded before `madang.autolog()` came."""
    return place.forked(code, "sklearn.ensemble,sklearn.model_selection,sklearn.preprocessing,skops.io", **env)


def logged(place: Place, run: str = "") -> set[str]:
    """Names of the metrics of a run."""
    return {key for key, _, _ in place.points(run)}


def test_each_training_without_a_run_begins_one(place: Place) -> None:
    """It stays open for what is measured of its model, and ends with the next training or the process."""
    place.run(
        "import madang; madang.autolog(log_models=False)" + FIT + "first = Ridge().fit(X, X[:, 0])\n"
        "first.score(X, X[:, 0])\n"
        "Ridge(alpha=3).fit(X, X[:, 1])\n"
        "first.score(X, X[:, 0])\n"  # of a run that has ended
    )
    runs = place.runs()
    assert [place.status(run) for run in runs] == ["finished", "finished"]
    assert sorted(place.state(run).config["alpha"][1] for run in runs) == [(1.0,), (3,)]
    assert sum("Ridge_score_X" in logged(place, run) for run in runs) == 1


def test_an_open_run_is_used_and_left_open(place: Place) -> None:
    """What the script has begun goes on after the training."""
    trained(
        place,
        "import madang; madang.autolog('sklearn', log_models=False)" + FIT + "with madang.init() as run:\n"
        "    Ridge().fit(X, X[:, 0])\n"
        "    assert run.status == 'running'\n"
        "    run.log({'after': 1})\n",
    )
    assert {"training_r2_score", "after"} <= logged(place)


def test_a_failed_training_fails_its_own_run(place: Place) -> None:
    """The error is the program's own, and the run that the training had begun has failed by it."""
    trained(
        place,
        "import madang; madang.autolog()"
        + FIT
        + "try:\n    Ridge(alpha='much').fit(X, X)\nexcept ValueError:\n    pass\n"
        "assert madang.current_run() is None\n",
    )
    assert place.status() == "failed"


def test_an_error_while_recording_is_one_line_and_no_more(place: Place) -> None:
    """An estimator that cannot describe itself is trained all the same."""
    code = (
        "import sys, madang; madang.autolog(log_models=False)" + FIT + "class Odd(Ridge):\n"
        "    def get_params(self, deep=True):\n"
        "        if deep:\n            raise RuntimeError('no words')\n"
        "        return super().get_params(False)\n"
        "sys.stderr = sys.stdout\n"
        "odd = Odd()\n"
        "odd.fit(X, X[:, 0]); odd.fit(X, X[:, 0])\n"
        "assert odd.predict(X).shape == (6,)\n"
    )
    out = trained(place, code)
    assert out.count("the start of Odd is not recorded: RuntimeError: no words") == 1


def test_a_store_that_cannot_be_written_spoils_no_training(place: Place) -> None:
    """Nor does a model that cannot be a key of a table: it is trained, and it predicts."""
    code = (
        "import sys, madang; madang.autolog(log_models=False)" + FIT + "class Odd(Ridge):\n"
        "    __hash__ = None\n"
        "sys.stderr = sys.stdout\n"
        "assert Odd().fit(X, X[:, 0]).predict(X).shape == (6,)\n"
    )
    assert "not recorded" not in trained(place, code)
    blocked = place.root / "a file"
    blocked.write_text("")
    assert "what is trained is not recorded" in trained(place, code, MADANG_DIR=str(blocked / "store"))


def test_data_preparation_is_no_training(place: Place) -> None:
    """A scaler by itself begins no run; inside of a pipeline it is part of its parameters."""
    trained(
        place,
        "import madang; madang.autolog()" + FIT + "from sklearn.preprocessing import StandardScaler\n"
        "StandardScaler().fit_transform(X)\nassert madang.current_run() is None\n",
    )
    assert place.runs() == []


def test_frameworks_are_put_back(place: Place) -> None:
    """After disable=True every method is the one that was there before, and imports are no longer watched."""
    place.run(
        "import sys, sklearn.linear_model, sklearn.metrics, madang" + FIT + "def methods():\n"
        "    return Ridge.fit, Ridge.predict, Ridge.score, sklearn.metrics.r2_score, Ridge.__init_subclass__.__func__\n"
        "before = methods()\n"
        "madang.autolog('sklearn'); madang.autolog('sklearn')\n"
        "assert all(one is not other for one, other in zip(methods(), before))\n"
        "madang.autolog(disable=True)\n"
        "assert methods() == before\n"
        "Ridge().fit(X, X)\nassert madang.current_run() is None\n"
        "import lightgbm\n"
        "assert not hasattr(lightgbm.train, '__wrapped__')\n"
    )


def test_threads_of_a_training_are_part_of_it(place: Place) -> None:
    """What a training fits in a pool of threads begins no run of its own."""
    trained(
        place,
        "import madang; madang.autolog(log_models=False)" + FIT + "from sklearn.ensemble import VotingRegressor\n"
        "import joblib\n"
        "with joblib.parallel_backend('threading'):\n"
        "    VotingRegressor([('a', Ridge()), ('b', Ridge())], n_jobs=2).fit(X, X[:, 0])\n",
    )
    assert place.state().tags["estimator_name"][1] == ("VotingRegressor",)


def test_models_are_recorded_in_a_safe_format(place: Place) -> None:
    """A model, and the best of a search, are versions that load without a pickle."""
    trained(
        place,
        "import madang; madang.autolog()" + FIT + "from sklearn.model_selection import GridSearchCV\n"
        "GridSearchCV(Ridge(), {'alpha': [1, 2]}, cv=2).fit(X, X[:, 0]); madang.finish()\n"
        "assert madang.load_model('model').predict(X).shape == (6,)\n"
        "assert madang.load_model('best_estimator').alpha in (1, 2)\n",
    )


def test_models_say_what_they_take(place: Place) -> None:
    """A signature by itself, an example only when asked for; neither where both are switched off."""
    trained(
        place,
        "import madang, os"
        + FIT
        + "for options in ({}, {'log_input_examples': True}, {'log_model_signatures': False}):\n"
        "    madang.autolog(**options)\n"
        "    with madang.init() as run:\n"
        "        Ridge().fit(X, X[:, 0])\n"
        "        folder = run.use('model:latest')\n"
        "    text = open(f'{folder}/MLmodel').read()\n"
        "    assert ('signature:' in text) == options.get('log_model_signatures', True), text\n"
        "    assert os.path.exists(f'{folder}/input_example.json') == ('log_input_examples' in options)\n"
        "    assert 'float64' in text or 'log_model_signatures' in options\n",
    )


def test_unknown_frameworks_are_refused() -> None:
    """The message names those there are."""
    with pytest.raises(InvalidInput, match="no framework 'sklaern'") as caught:
        madang.autolog("sklaern")
    assert "sklearn" in str(caught.value.hint)
    with pytest.raises(InvalidInput, match="negative"):
        madang.autolog(max_tuning_runs=-1)
