"""The models of the tests, of every library that is installed here."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

import answer_models
import custom_models
from answer_models import ANSWERS, Answering
from custom_models import Centred, Named, Scaled, Seen, Table, Wrong

random = np.random.default_rng(7)
NUMBERS = pd.DataFrame({f"f{at}": random.normal(size=200) for at in range(4)})
LABELS = (NUMBERS.sum(axis=1) > 0).astype("int64")
MIXED = NUMBERS.assign(
    city=random.choice(["Basel", "Zürich", "København"], 200),
    age=random.integers(18, 90, 200),
    member=random.random(200) > 0.5,
    short=NUMBERS["f0"].astype("float32"),
)


@dataclass
class Case:
    save: Callable[[str], None]
    # What pyfunc's predict is given.
    data: object


cases = {}


def case(name, data):
    def add(save):
        cases[name] = Case(save, data)
        return save

    return add


def save_sklearn(model, path, data, answer, **more):
    mlflow.sklearn.save_model(model, path, signature=infer_signature(data, answer), **more)


@case("classifier", NUMBERS)
def _(path):
    model = LogisticRegression().fit(NUMBERS, LABELS)
    save_sklearn(model, path, NUMBERS, model.predict(NUMBERS))


@case("forest", NUMBERS)
def _(path):
    model = RandomForestClassifier(20, random_state=1).fit(NUMBERS, LABELS)
    more = {"pyfunc_predict_fn": "predict_proba", "serialization_format": "cloudpickle"}
    save_sklearn(model, path, NUMBERS, model.predict_proba(NUMBERS), **more)


@case("texts", NUMBERS)
def _(path):
    model = LogisticRegression().fit(NUMBERS, np.where(LABELS, "yes", "no"))
    save_sklearn(model, path, NUMBERS, model.predict(NUMBERS))


@case("mixed", MIXED)
def _(path):
    encode = make_column_transformer(
        (OneHotEncoder(), ["city"]), (SimpleImputer(), ["f0", "f1", "age", "short"]), ("passthrough", ["member"])
    )
    model = make_pipeline(encode, LinearRegression()).fit(MIXED, NUMBERS["f2"])
    save_sklearn(model, path, MIXED, model.predict(MIXED), serialization_format="cloudpickle")


@case("array", NUMBERS.to_numpy())
def _(path):
    model = LogisticRegression().fit(NUMBERS.to_numpy(), LABELS)
    save_sklearn(model, path, NUMBERS.to_numpy(), model.predict(NUMBERS.to_numpy()))


# In the order in which tensors travel, since sums in another order differ in their last digit.
POSITIVE = np.ascontiguousarray(NUMBERS.abs().to_numpy())


def save_behind(function, path):
    """A pipeline with a function in it."""
    model = make_pipeline(FunctionTransformer(function), LinearRegression()).fit(POSITIVE, NUMBERS["f2"])
    more = {"serialization_format": "cloudpickle", "code_paths": [custom_models.__file__]}
    save_sklearn(model, path, POSITIVE, model.predict(POSITIVE), **more)


@case("logarithms", POSITIVE)
def _(path):
    save_behind(np.log1p, path)


@case("centred-pipeline", POSITIVE)
def _(path):
    save_behind(custom_models.centred, path)


@case("unsigned", NUMBERS.to_numpy())
def _(path):
    mlflow.sklearn.save_model(LogisticRegression().fit(NUMBERS.to_numpy(), LABELS), path)


@case("unsigned-table", NUMBERS)
def _(path):
    mlflow.sklearn.save_model(LogisticRegression().fit(NUMBERS, LABELS), path)


def save_custom(model, path, signature=None):
    mlflow.pyfunc.save_model(path, python_model=model, signature=signature, code_paths=[custom_models.__file__])


ORDERS = pd.DataFrame({"amount": [1.5, 20.0, -3.0], "count": [1, 2, 3]})


@case("table", ORDERS)
def _(path):
    model = Table()
    save_custom(model, path, infer_signature(ORDERS, model.predict(None, ORDERS)))


ONE_COLUMN = pd.DataFrame({"x": [1.0, 2.0, 6.0]})


def save_centred(path):
    save_custom(Centred(), path, infer_signature(ONE_COLUMN, Centred().predict(None, ONE_COLUMN)))


case("centred", ONE_COLUMN)(save_centred)


@case("scaled", pd.DataFrame({"x": [1.0, 2.0]}))
def _(path):
    params = ParamSchema([ParamSpec("factor", DataType.double, 1.0), ParamSpec("mode", DataType.string, "quiet")])
    column = Schema([ColSpec(DataType.double, "x")])
    save_custom(Scaled(), path, ModelSignature(column, column, params))


@case("named", {"a": np.ones((2, 3), dtype=np.float32), "b": np.arange(6, dtype=np.float32).reshape(2, 3)})
def _(path):
    tensor = np.dtype("float32")
    inputs = Schema([TensorSpec(tensor, (-1, 3), "a"), TensorSpec(tensor, (-1, 3), "b")])
    outputs = Schema([TensorSpec(tensor, (-1, 3), "sum"), TensorSpec(np.dtype("int64"), (-1,), "shape")])
    save_custom(Named(), path, ModelSignature(inputs, outputs))


SEEN = pd.DataFrame({
    "flag": [True, False],
    "int": np.array([1, 2], dtype="int32"),
    "long": [3, 4],
    "float": np.array([0.5, np.nan], dtype="float32"),
    "double": [0.25, np.nan],
    "text": ["a", "b"],
    "time": pd.to_datetime(["2024-01-02T03:04:05", "1999-12-31"], format="ISO8601"),
    "bytes": [b"\x00\xff", b""],
})


@case("seen", SEEN)
def _(path):
    kinds = ["boolean", "integer", "long", "float", "double", "string", "datetime", "binary"]
    optional = {"text", "double", "long", "flag"}
    columns = [ColSpec(kind, name, required=name not in optional) for kind, name in zip(kinds, SEEN.columns)]
    save_custom(Seen(), path, ModelSignature(Schema(columns), Schema([ColSpec(DataType.string)])))


@case("wrong", pd.DataFrame({"x": [2.0]}))
def _(path):
    column = Schema([ColSpec(DataType.double, "x")])
    save_custom(Wrong(), path, ModelSignature(column, column))


# For the scoring protocol alone: by the kinds of answers, without a signature of them and with MLflow's own of each.
answers = {}
SIGNED_ANSWERS = [
    "table", "table-with-cells", "table-with-missing", "table-with-times", "missing-integers", "objects",
    "objects-with-one-field", "different-objects", "not-a-number-in-objects", "lists", "ragged", "dict",
    "dict-of-lists", "dict-of-scalars-known", "texts", "bytes", "text", "array-of-one-column",
]  # fmt: skip


def save_answering(model, path, signature):
    # Named, since finding out takes seconds a model.
    more = {"code_paths": [answer_models.__file__], "pip_requirements": ["mlflow"]}
    mlflow.pyfunc.save_model(path, python_model=model, signature=signature, **more)


def save_signed(kind):
    signature = infer_signature(pd.DataFrame({"x": [1.0, 2.0]}), ANSWERS[kind](2))
    return lambda path: save_answering(Answering(kind), path, signature)


# Columns whose types hold no nulls, which their answers have in the last of several rows.
NULLED = {
    "table-with-nulls": [("n", "long"), ("flag", "boolean"), ("m", "long"), ("i", "integer"), ("x", "double")],
    "list-with-null": [(None, "long")],
    "objects-with-null": [("n", "long"), ("flag", "boolean")],
}


def save_nulled(kind):
    columns = Schema([ColSpec(type, name) for name, type in NULLED[kind]])
    return lambda path: save_answering(Answering(kind), path, ModelSignature(Schema([ColSpec("double", "x")]), columns))


ASKED = ModelSignature(Schema([ColSpec(DataType.string, "kind")]))
JOINED = "max_batch_size: 64\ndynamic_batching { max_queue_delay_microseconds: 50000 }\n"


def save_joined(path):
    save_answering(Answering(), path, ASKED)
    (Path(path).parent / "config.pbtxt").write_text(JOINED)


answers["answers"] = lambda path: save_answering(Answering(), path, ASKED)
answers["joined"] = save_joined


def save_centred_joined(path):
    save_centred(path)
    (Path(path).parent / "config.pbtxt").write_text(JOINED)


answers["centred-joined"] = save_centred_joined
answers |= {f"nulled-{kind}": save_nulled(kind) for kind in NULLED}
answers |= {f"signed-{kind}": save_signed(kind) for kind in SIGNED_ANSWERS}

if importlib.util.find_spec("xgboost"):
    import xgboost

    @case("xgboost", NUMBERS)
    def _(path):
        model = xgboost.XGBClassifier(n_estimators=10).fit(NUMBERS, LABELS)
        mlflow.xgboost.save_model(model, path, signature=infer_signature(NUMBERS, model.predict(NUMBERS)))

    @case("xgboost-booster", NUMBERS)
    def _(path):
        model = xgboost.train({"max_depth": 3}, xgboost.DMatrix(NUMBERS, LABELS), 10)
        answer = model.predict(xgboost.DMatrix(NUMBERS))
        mlflow.xgboost.save_model(model, path, signature=infer_signature(NUMBERS, answer))


if importlib.util.find_spec("lightgbm"):
    import lightgbm

    @case("lightgbm", MIXED.drop(columns="city"))
    def _(path):
        data = MIXED.drop(columns="city")
        model = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1).fit(data, NUMBERS["f2"])
        mlflow.lightgbm.save_model(model, path, signature=infer_signature(data, model.predict(data)))


if importlib.util.find_spec("catboost"):
    import catboost

    @case("catboost", MIXED[["f0", "f1", "age", "city"]])
    def _(path):
        data = MIXED[["f0", "f1", "age", "city"]]
        model = catboost.CatBoostClassifier(iterations=10, verbose=False, allow_writing_files=False, cat_features=["city"])
        model.fit(data, LABELS)
        mlflow.catboost.save_model(model, path, signature=infer_signature(data, model.predict(data)))


if importlib.util.find_spec("torch"):
    import torch

    @case("pytorch", NUMBERS.to_numpy(dtype="float32"))
    def _(path):
        data = NUMBERS.to_numpy(dtype="float32")
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        answer = model(torch.from_numpy(data)).detach().numpy()
        # The form that mlflow 2 knows alone.
        form = {} if mlflow.__version__.startswith("2.") else {"serialization_format": "pickle"}
        mlflow.pytorch.save_model(model, path, signature=infer_signature(data, answer), **form)

    class CentredNetwork(torch.nn.Module):
        """Mixes the rows that it is given together."""

        def forward(self, rows):
            return rows - rows.mean(dim=0)

    @case("centred-network", POSITIVE.astype("float32"))
    def _(path):
        data = torch.from_numpy(POSITIVE.astype("float32"))
        model = torch.jit.trace(CentredNetwork(), data)
        signature = infer_signature(data.numpy(), model(data).numpy())
        form = {} if mlflow.__version__.startswith("2.") else {"serialization_format": "pickle"}
        mlflow.pytorch.save_model(model, path, signature=signature, **form)
