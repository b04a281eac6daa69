"""Rows of requests are joined by themselves only where no row can have a say in another's answer."""

import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from save_models import cases
from v2 import infer

sys.path.append("src/host/python")
from slipway_host.mlflow_rows import is_row_wise


class Centered(TransformerMixin, BaseEstimator):
    """Moves every row by the mean of those beside it."""

    def fit(self, data, target=None):
        return self

    def transform(self, data):
        return data - data.mean(axis=0)


def centered(data):
    return data - data.mean(axis=0)


def joined(estimator, loader="mlflow.sklearn", method="predict"):
    metadata = SimpleNamespace(flavors={"python_function": {"predict_fn": method}})
    return is_row_wise(loader, SimpleNamespace(metadata=metadata, _model_impl=SimpleNamespace(sklearn_model=estimator)))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(make_column_transformer((OneHotEncoder(dtype=np.float64), ["c"])), StandardScaler(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier()),
        StackingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier())]),
    ],
)
def test_estimators_of_the_library_are_joined(estimator):
    assert joined(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        Centered(),
        make_pipeline(Centered(), LogisticRegression()),
        make_pipeline(make_column_transformer((Centered(), ["c"])), LogisticRegression()),
        make_pipeline(FunctionTransformer(centered), LogisticRegression()),
        StackingClassifier([("a", make_pipeline(Centered(), LogisticRegression()))]),
    ],
)
def test_code_of_the_users_own_within_one_is_not(estimator):
    assert not joined(estimator)


def test_methods_and_libraries():
    assert joined(LogisticRegression(), method="predict_proba")
    assert not joined(LogisticRegression(), method="score")
    assert [joined(None, f"mlflow.{name}") for name in ("xgboost", "lightgbm", "catboost")] == [True] * 3
    assert not any(joined(None, f"mlflow.{name}") for name in ("pytorch", "tensorflow", "statsmodels", "pyfunc.model"))


def config_of(http, name):
    with urllib.request.urlopen(f"{http}/v2/models/{name}/config") as response:
        return json.load(response)


JOINED = {
    "classifier": True, "forest": True, "mixed": True, "logarithms": True, "xgboost": True, "lightgbm": True, "catboost": True,
    "centred-pipeline": False, "centred": False, "table": False, "pytorch": False, "centred-network": False,
}  # fmt: skip
MIXING = [name for name in ("centred-pipeline", "centred-network") if name in cases]


@pytest.mark.parametrize("name", [name for name in JOINED if name in cases])
def test_served_models_say_whether_they_are_joined(http, name):
    config = config_of(http, name)
    assert (config["max_batch_size"] > 0, "dynamic_batching" in config) == (JOINED[name], JOINED[name])


@pytest.mark.parametrize("name", MIXING)
def test_callers_at_once_get_the_models_own_answer_each(http, loaded, name):
    kind = cases[name].data.dtype
    inputs = [np.arange(4 * (1 + at), dtype=kind).reshape(-1, 4) ** 2 + 100 * at for at in range(6)]
    expected = [loaded(name).predict(rows) for rows in inputs]
    with ThreadPoolExecutor(12) as callers:
        answers = callers.map(lambda at: (at, infer(http, name, {"input-0": inputs[at]})), [*range(6)] * 20)
        for at, answer in answers:
            np.testing.assert_array_equal(next(iter(answer.values())).reshape(expected[at].shape), expected[at])


def test_requests_are_joined_by_the_word_of_the_configuration_alone(http):
    """The model tells how many rows came together."""

    def rows_seen(name):
        with ThreadPoolExecutor(8) as callers:
            answers = callers.map(lambda at: infer(http, name, {"x": np.array([[float(at)]])}), range(40))
            return {int(answer["rows"][0, 0]) for answer in answers}

    assert rows_seen("centred") == {1}
    assert max(rows_seen("centred-joined")) > 1
    config = config_of(http, "centred-joined")
    assert config["max_batch_size"] == 64 and config["dynamic_batching"]["max_queue_delay_microseconds"] == "50000"
