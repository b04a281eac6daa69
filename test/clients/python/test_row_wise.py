"""Rows of requests are joined by themselves only where no row can have a say in another's answer."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

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
