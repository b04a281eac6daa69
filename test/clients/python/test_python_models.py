"""Predictions over the protocol are those of mlflow.pyfunc, for every kind of model, and so are the refusals."""

import json
import sys
import urllib.request

import mlflow
import numpy as np
import pandas as pd
import pytest

from save_models import MIXED, NUMBERS, SEEN, cases
from v2 import Refused, infer

SIGNED_TABLES = [name for name, case in cases.items() if isinstance(case.data, pd.DataFrame) and not name.startswith("unsigned")]


def tensors(data, flat=False):
    """What a client sends for what pyfunc's predict takes."""
    if isinstance(data, pd.DataFrame):
        return {name: column(data[name]) if flat else column(data[name]).reshape(-1, 1) for name in data.columns}
    return data if isinstance(data, dict) else {"input-0": data}


def column(series):
    if series.dtype.kind == "M":
        return np.array([value.isoformat() for value in series], dtype=object)
    return series.to_numpy()


def same(answer, expected):
    """Whether tensors hold a prediction, with its types."""
    if isinstance(expected, pd.DataFrame):
        assert list(answer) == list(expected.columns)
        expected = {name: expected[name].to_numpy().reshape(-1, 1) for name in expected.columns}
    elif not isinstance(expected, dict):
        expected = {next(iter(answer)): np.asarray(expected)}
    assert answer.keys() == expected.keys()
    for name, values in expected.items():
        if values.dtype.kind in "OSU" or values.dtype.kind == "T":
            assert answer[name].tolist() == values.tolist()
        else:
            assert answer[name].dtype == values.dtype
            np.testing.assert_array_equal(answer[name].reshape(values.shape), values)


@pytest.mark.parametrize("name", cases)
def test_answers_as_pyfunc_does(http, loaded, name):
    data = cases[name].data
    same(infer(http, name, tensors(data)), loaded(name).predict(data))


@pytest.mark.parametrize("name", SIGNED_TABLES)
def test_takes_flat_columns_in_any_order(http, loaded, name):
    data = cases[name].data
    shuffled = dict(reversed(tensors(data, flat=True).items()))
    same(infer(http, name, shuffled), loaded(name).predict(data))


@pytest.mark.parametrize("name", ["classifier", "mixed", "table"])
def test_one_row_and_none(http, loaded, name):
    data = cases[name].data
    same(infer(http, name, tensors(data.iloc[:1])), loaded(name).predict(data.iloc[:1]))


def test_signature_is_shown_as_inputs_and_outputs(http):
    with urllib.request.urlopen(f"{http}/v2/models/mixed") as response:
        shown = json.load(response)
    types = {"city": "BYTES", "age": "INT64", "member": "BOOL", "short": "FP32"}
    assert [(spec["name"], spec["datatype"], spec["shape"]) for spec in shown["inputs"]] == [
        (name, types.get(name, "FP64"), [-1, 1]) for name in MIXED.columns
    ]
    with urllib.request.urlopen(f"{http}/v2/models/named") as response:
        shown = json.load(response)
    assert [(spec["name"], spec["shape"]) for spec in shown["inputs"]] == [("a", [-1, 3]), ("b", [-1, 3])]
    assert [(spec["name"], spec["datatype"]) for spec in shown["outputs"]] == [("sum", "FP32"), ("shape", "INT64")]


def refusal(http, name, inputs, **more):
    with pytest.raises(Refused) as refused:
        infer(http, name, inputs, **more)
    return refused.value.status, json.loads(refused.value.text)["error"]


def mlflows_refusal(loaded, name, data):
    with pytest.raises(mlflow.MlflowException) as refused:
        loaded(name).predict(data)
    return refused.value.message.rpartition("'. Error: ")[2]


WRONG_TABLES = {
    "missing column": lambda data: data.drop(columns="f1"),
    "missing and extra columns": lambda data: data.drop(columns="f1").assign(other=1.0),
    "text for a number": lambda data: data.assign(f1="x"),
    "long for a double": lambda data: data.assign(f1=7),
}


@pytest.mark.parametrize("name", ["classifier", "mixed"])
@pytest.mark.parametrize("what", WRONG_TABLES)
def test_refuses_what_mlflow_refuses(http, loaded, name, what):
    data = WRONG_TABLES[what](cases[name].data)
    status, error = refusal(http, name, tensors(data))
    assert status == 400
    assert mlflows_refusal(loaded, name, data) in error


RIGHT_TABLES = {
    "extra column": lambda data: data.assign(other="x"),
    "float for a double": lambda data: data.assign(f1=data["f1"].astype("float32")),
    "int for a double": lambda data: data.assign(f1=np.arange(len(data), dtype="int32")),
    "zeros and ones for a double": lambda data: data.assign(f1=np.arange(len(data)) % 2),
    "NaN": lambda data: data.assign(f1=np.nan),
}


@pytest.mark.parametrize("what", RIGHT_TABLES)
def test_takes_what_mlflow_takes(http, loaded, what):
    data = RIGHT_TABLES[what](cases["mixed"].data)
    same(infer(http, "mixed", tensors(data)), loaded("mixed").predict(data))


@pytest.mark.parametrize("data", [NUMBERS.to_numpy(dtype="float32"), NUMBERS.to_numpy()[:, :3], NUMBERS.to_numpy()[0]])
def test_refuses_wrong_tensors(http, loaded, data):
    status, error = refusal(http, "array", {"input-0": data})
    assert status == 400
    assert mlflows_refusal(loaded, "array", data) in error


def test_optional_columns_may_be_left_out(http, loaded):
    data = SEEN.drop(columns=["text", "double"])
    same(infer(http, "seen", tensors(data)), loaded("seen").predict(data))


def test_parameters_reach_the_model(http, loaded):
    data = cases["scaled"].data
    for params in ({"factor": 3.5}, {"mode": "loud", "factor": 2}, {"unknown": 1}):
        same(infer(http, "scaled", tensors(data), params), loaded("scaled").predict(data, params=params))
    status, error = refusal(http, "scaled", tensors(data), parameters={"factor": "much"})
    assert status == 400 and "factor" in error


def test_wrong_answers_and_the_models_own_failures_are_the_models_fault(http):
    status, error = refusal(http, "wrong", {"x": np.array([[1.0]])})
    assert (status, "declared is FP64" in error) == (500, True)
    status, error = refusal(http, "wrong", {"x": np.array([[-1.0]])})
    assert (status, "the model itself gave up" in error) == (500, True)


def test_wanted_outputs(http):
    answer = infer(http, "table", tensors(cases["table"].data), outputs=["label"])
    assert list(answer) == ["label"]


def test_nulls_of_the_scoring_protocol(saved):
    """Marks of nulls come from Slipway's own doors only, so the host's code is asked directly."""
    sys.path.append("src/host/python")
    from slipway_host.mlflow_model import MlflowModel
    from slipway_host.tensors import tensor_of

    model = MlflowModel({"path": str(saved / "seen" / "1" / "MLmodel"), "options": {}})
    marks = np.array([[False], [True]])

    def tensor(name, values):
        array = column(values).reshape(-1, 1)
        if array.dtype.kind == "O":
            return tensor_of(name, "BYTES", np.array([[v if isinstance(v, bytes) else v.encode()] for v in array[:, 0]], dtype=object))
        return tensor_of(name, {"b": "BOOL", "i": f"INT{8 * array.itemsize}", "f": f"FP{8 * array.itemsize}"}[array.dtype.kind], array)

    sent = [tensor(name, SEEN[name]) for name in SEEN.columns]
    nulls = [tensor_of(f"{name}\0null", "BOOL", marks) for name in ("text", "double")]
    texts = model.run(sent + nulls, [])[0].strings()
    data = SEEN.assign(text=["a", None], double=[0.25, np.nan])
    assert texts == mlflow.pyfunc.load_model(str(saved / "seen" / "1")).predict(data)
