"""Models whose inputs say more than columns of numbers and texts do, with bodies to ask them with."""

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from custom_models import Messages, Scores, Shown, Texts
from save_models import save_custom

saves = {}
bodies = {}


def asked(name, *given):
    def add(save):
        saves[name] = save
        bodies[name] = given
        return save

    return add


def records(*rows):
    return {"dataframe_records": list(rows)}


def save_columns(path, *columns):
    save_custom(Shown(), path, ModelSignature(Schema(list(columns))))


@asked(
    "values",
    records({"tags": ["a", "b"], "o": {"k": "z", "v": 1}}),
    records({"tags": ["a"], "o": {"k": "z"}, "m": {"q": 1.5}}),
    records({"tags": [], "o": {"k": "z"}, "m": None}),
    records({"tags": "a", "o": {"k": "z"}}),
    records({"tags": ["a"], "o": {"k": 1}}),
    records({"tags": ["a"], "o": {"k": "z", "other": 1}}),
    {"inputs": [{"tags": ["a", "b"], "o": {"k": "z", "v": 1}}]},
)
def _(path):
    inner = Object([Property("k", DataType.string), Property("v", DataType.long, required=False)])
    optional = ColSpec(Map(DataType.double), "m", required=False)
    save_columns(path, ColSpec(Array(DataType.string), "tags"), ColSpec(inner, "o"), optional)


@asked("lists", records({"v": [1, 2.5]}), records({"v": []}, {"v": [1, 2]}), records({"v": ["x"]}), {"inputs": {"v": [[1.5], [2.5, 3]]}})
def _(path):
    save_columns(path, ColSpec(Array(DataType.double), "v"))


@asked(
    "special",
    records({"t": "2024-01-02T03:04:05", "raw": "aGVsbG8=", "a": 1.5}),
    records({"t": 1704164645000, "raw": "AP8=", "a": 1}),
    records({"t": "2024-01-02", "raw": "AP8=", "a": 1, "flag": None}),
    records({"t": "2024-01-02", "raw": "AP8=", "a": 1, "flag": True}),
    records({"t": "soon", "raw": "AP8=", "a": 1}),
    records({"t": "2024-01-02", "raw": 5, "a": 1}),
    {"dataframe_split": {"columns": ["t", "raw", "a"], "data": [["2024-01-02", "AP8=", 1]]}},
)
def _(path):
    flag = ColSpec(DataType.boolean, "flag", required=False)
    save_columns(path, ColSpec(DataType.datetime, "t"), ColSpec(DataType.binary, "raw"), ColSpec(DataType.double, "a"), flag)


@asked(
    "plain",
    records({"a": 1.5, "n": 1, "s": "x"}),
    records({"a": 1, "n": 2, "s": "x", "other": 3}),
    records({"n": 1, "s": "x"}),
    records({"n": 1, "s": "x", "other": 3}),
    records({"a": "x", "n": 1, "s": "y"}),
    records({"a": 1, "n": "x", "s": "y"}),
    records({"a": [1, 2], "n": 1, "s": "y"}),
    records({"a": None, "n": 1, "s": "y"}),
    records({"a": 1, "n": None, "s": "y"}),
    records({"a": 1, "n": 1, "s": "y"}, {"a": 1, "n": None, "s": "y"}),
    {"inputs": {"a": [1.5], "n": [1], "s": ["x"]}},
    {"inputs": {"a": [1.5], "n": [None], "s": ["x"]}},
    {"inputs": {"a": [1.5]}},
    {"inputs": [{"a": 1.5, "n": 1}]},
    {"instances": [{"a": 1.5, "n": 1}]},
    {"dataframe_split": {"columns": ["a", "n"], "data": [[1, 2]]}},
    {"dataframe_split": {"columns": ["a", "n", "s"], "data": [[1, 2]]}},
    {"dataframe_split": "x"},
    {"dataframe_records": "x"},
    {"inputs": [1], "instances": [1]},
    {"other": 1},
    "{",
    "[1]",
)
def _(path):
    save_columns(path, ColSpec(DataType.double, "a"), ColSpec(DataType.long, "n"), ColSpec(DataType.string, "s"))


@asked(
    "unsigned-shown",
    records({"a": 1, "b": "x"}),
    records({"a": 1, "b": 2.5}),
    records({"a": [1, 2], "b": None}),
    records({"a": 1}, {"a": 2}),
    {"dataframe_split": {"columns": ["a", "b"], "data": [[1, True], [2, False]]}},
    {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
    {"instances": [[1, 2], [3, 4]]},
    {"instances": [1, 2, 3]},
    {"instances": ["a", "b"]},
    {"instances": [{"a": 1}, {"a": 2}]},
    {"inputs": [[1.5, 2], [3, 4]]},
    {"inputs": {"a": [1], "b": [[1, 2]]}},
    {"inputs": {"q": "x", "k": [1, 2]}},
    {"inputs": [{"a": 1, "b": 2}]},
    {"inputs": [{"q": "x", "k": [1, 2]}]},
    {"inputs": "hello"},
    {"inputs": [1, 2], "params": [1]},
    {"inputs": [1], "instances": [1]},
    {"other": 1},
)
def _(path):
    save_custom(Shown(), path)


@asked("one-column", records({"c": "x"}), records({"c": "x"}, {"c": "y"}), {"dataframe_split": {"columns": ["c"], "data": [["y"]]}})
def _(path):
    table = pd.DataFrame({"c": ["x", "y"]})
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["c"])), LogisticRegression()).fit(table, [0, 1])
    mlflow.sklearn.save_model(model, path, serialization_format="cloudpickle")


@asked(
    "parametric",
    {**records({"a": 1.5}), "params": [1]},
    {**records({"a": 1.5}), "params": "x"},
    {**records({"a": 1.5}), "params": {"n": 2}},
    {**records({"a": 1.5}), "params": {"n": 1.5}},
    {**records({"a": 1.5}), "params": None},
)
def _(path):
    params = ParamSchema([ParamSpec("n", DataType.long, 1)])
    save_custom(Shown(), path, ModelSignature(Schema([ColSpec(DataType.double, "a")]), params=params))


@asked("tensor", {"inputs": [[1, 2]]}, {"inputs": {"x": [[1, 2]]}}, {"instances": {"x": [[1, 2]]}}, {"instances": [[1.5, 2]]})
def _(path):
    save_custom(Shown(), path, ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 2))])))


@asked("text-tensor", {"inputs": ["a", "bc"]}, {"instances": ["a"]})
def _(path):
    save_custom(Shown(), path, ModelSignature(Schema([TensorSpec(np.dtype("str"), (-1,))])))


@asked("hinted-texts", {"inputs": ["a", "b"]}, {"inputs": [1]}, {"inputs": "a"}, {"instances": ["a"]}, records({"0": "a"}))
def _(path):
    mlflow.pyfunc.save_model(path, python_model=Texts(), input_example=["a", "b"], code_paths=CODE)


@asked("hinted-scores", {"inputs": [{"a": 1}]}, {"inputs": [{"a": 1, "b": 2.5}, {}]}, {"inputs": [{"a": "x"}]})
def _(path):
    mlflow.pyfunc.save_model(path, python_model=Scores(), input_example=[{"a": 1.0}], code_paths=CODE)


@asked("hinted-messages", {"inputs": [{"role": "u", "turn": 2}]}, {"inputs": [{"role": "u"}, {"role": "v", "turn": 1}]}, {"inputs": [{"turn": 1}]})
def _(path):
    mlflow.pyfunc.save_model(path, python_model=Messages(), input_example=[{"role": "u"}], code_paths=CODE)


CODE = [__import__("custom_models").__file__]
