"""One corpus of scoring requests, answered by `mlflow models serve` and by Slipway, from the same trained model."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from expectations import VERSION
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema
from packaging.version import Version
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

START_SECONDS = 120
JSON = "application/json"
CSV = "text/csv"

pytestmark = pytest.mark.skipif(VERSION < Version("3.0"), reason="the scoring server's own errors became stable with mlflow 3")


def trained():
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "amount": generator.normal(size=200) * 10,
            "count": generator.integers(0, 50, size=200),
            "country": generator.choice(["NO", "IS", "FO"], size=200),
        }
    )
    target = frame["amount"] * 2 + frame["count"] + (frame["country"] == "NO") * 5
    columns = ColumnTransformer(
        [("numbers", "passthrough", ["amount", "count"]), ("words", OneHotEncoder(handle_unknown="ignore"), ["country"])]
    )
    return make_pipeline(columns, LinearRegression()).fit(frame, target)


SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("double", "amount"), ColSpec("long", "count"), ColSpec("string", "country")]),
    outputs=Schema([ColSpec("double")]),
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The addresses that take invocations of the model: MLflow's, and Slipway's."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    model = trained()
    directory = tmp_path_factory.mktemp("scoring")
    mlflow.sklearn.save_model(model, directory / "model", signature=SIGNATURE, serialization_format="cloudpickle")
    types = [
        ("amount", FloatTensorType([None, 1])),
        ("count", Int64TensorType([None, 1])),
        ("country", StringTensorType([None, 1])),
    ]
    converted = to_onnx(model, initial_types=types).SerializeToString()
    slipway = f"{os.environ['SLIPWAY_TEST_HTTP']}/api/slipway/v1/models/scoring"
    requests.post(f"{slipway}/versions?file=model.onnx", data=converted, timeout=60).raise_for_status()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"]
    # It starts uvicorn by its name.
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    arguments = ["--port", str(port), "--model-uri", str(directory / "model")]
    with open(directory / "serve.log", "w") as log:
        server = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server, directory / "serve.log")
        yield f"http://127.0.0.1:{port}/invocations", f"{slipway}/invocations"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        requests.delete(slipway, timeout=60)


def wait_for(url, server, log):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("mlflow models serve did not start")


NAMES = ["amount", "count", "country"]
ROWS = [[1.5, 2, "NO"], [-3, 40, "IS"], [0, 0, "elsewhere"]]
RECORDS = [dict(zip(NAMES, row)) for row in ROWS]


def split(*rows, columns=NAMES, **rest):
    return {"dataframe_split": {"columns": columns, "data": list(rows), **rest}}


def text(*lines):
    return "\n".join(lines) + "\n"


CORPUS = {
    "split": (JSON, split(*ROWS)),
    "split, other order": (JSON, split(*[row[::-1] for row in ROWS], columns=NAMES[::-1])),
    "split with an index": (JSON, split(*ROWS, index=[5, 6, 7])),
    "split with a column too many": (JSON, split(*[[*row, 7] for row in ROWS], columns=[*NAMES, "z"])),
    "split without names": (JSON, {"dataframe_split": {"data": ROWS}}),
    "split without data": (JSON, {"dataframe_split": {"columns": NAMES}}),
    "split with an unknown field": (JSON, split(*ROWS, more=1)),
    "split as a list": (JSON, {"dataframe_split": ROWS}),
    "split that lacks a column": (JSON, split(*[row[:2] for row in ROWS], columns=NAMES[:2])),
    "split that lacks one and has another": (JSON, split(*ROWS, columns=["amount", "count", "other"])),
    "split with a column twice": (JSON, split([1, 2, "NO", 3], columns=[*NAMES, "amount"])),
    "records": (JSON, {"dataframe_records": RECORDS}),
    "records as an object": (JSON, {"dataframe_records": RECORDS[0]}),
    "no records": (JSON, {"dataframe_records": []}),
    "records that lack a whole number": (JSON, {"dataframe_records": [RECORDS[0], {"amount": 1, "country": "NO"}]}),
    "instances": (JSON, {"instances": RECORDS}),
    "instances as lists": (JSON, {"instances": [[1, 2, 3]]}),
    "inputs as columns": (JSON, {"inputs": {name: [row[name] for row in RECORDS] for name in NAMES}}),
    "inputs as one row": (JSON, {"inputs": RECORDS[0]}),
    "inputs as rows": (JSON, {"inputs": RECORDS}),
    "inputs of different lengths": (JSON, {"inputs": {"amount": [1, 2], "count": [3], "country": ["NO", "NO"]}}),
    "inputs that lack a column": (JSON, {"inputs": {"amount": [1], "count": [2]}}),
    "inputs and instances": (JSON, {"inputs": RECORDS, "instances": RECORDS}),
    "params of no schema": (JSON, {"inputs": RECORDS, "params": {"temperature": 1}}),
    "a field beside": (JSON, {"inputs": RECORDS, "other": 1}),
    "no field": (JSON, {"data": RECORDS}),
    "an empty object": (JSON, {}),
    "a list": (JSON, RECORDS),
    "a number": (JSON, 3),
    "no JSON": (JSON, "{"),
    "no UTF-8": (JSON, b'{"inputs": "\xff"}'),
    "numbers as text": (JSON, split(["1.5", "2", "NO"])),
    "truth as numbers": (JSON, split([True, False, "NO"])),
    "whole doubles": (JSON, split([1, 2.0, "NO"])),
    "a word for a number": (JSON, split(["much", 2, "NO"])),
    "a word for a whole number": (JSON, split([1, "many", "NO"])),
    "null for a whole number": (JSON, split([1, None, "NO"])),
    "a list for a number": (JSON, split([[1], 2, "NO"])),
    "an object for a number": (JSON, split([{"a": 1}, 2, "NO"])),
    "a number too long": (JSON, '{"inputs": {"amount": [1], "count": [9223372036854775808], "country": ["NO"]}}'),
    "a fraction for a whole number": (JSON, split([1, 2.5, "NO"])),
    "signature_name": (JSON, {"inputs": RECORDS, "signature_name": "x"}),
    "csv": (CSV, text("amount,count,country", "1.5,2,NO", "-3,40,IS")),
    "csv, charset": (f"{CSV}; charset=UTF-8", text("count,amount,country", "2,1.5,NO")),
    "csv, quoted": (CSV, text('"amount","count","country"', '"1.5","2","NO"')),
    "csv, a column too many": (CSV, text(",amount,count,country", "0,1.5,2,NO", "1,3,4,IS")),
    "csv that lacks a column": (CSV, text("amount,count", "1.5,2")),
    "csv, a word for a number": (CSV, text("amount,count,country", "1.5,many,NO")),
    "csv, nothing for a whole number": (CSV, text("amount,count,country", "1.5,,NO")),
    "csv, a fraction for a whole number": (CSV, text("amount,count,country", "1.5,2.5,NO")),
    "csv, a short row": (CSV, text("amount,count,country", "1.5,2,NO", "1.5")),
    "csv, empty": (CSV, ""),
    "json, charset": (f"{JSON}; charset=utf-8", {"inputs": RECORDS}),
    "json in latin-1": (f"{JSON}; charset=latin-1", {"inputs": RECORDS}),
    "json with a parameter": (f"{JSON}; version=2", {"inputs": RECORDS}),
    "text": ("text/plain", {"inputs": RECORDS}),
    "octets": ("application/octet-stream", {"inputs": RECORDS}),
}

# What Slipway answers where it means to differ: the status, the error, and why.
DIFFERENCES = {
    "split with a column twice": (400, "BAD_REQUEST", "told as what it is, not as a failure of pandas"),
    "a fraction for a whole number": (400, "BAD_REQUEST", "MLflow cuts the fraction off; CSV it refuses itself"),
    "a list for a number": (200, None, "a list of one value is a row of a column of one"),
    "inputs of different lengths": (400, "BAD_REQUEST", "found before the schema is looked at"),
}


def send(url, name):
    content_type, body = CORPUS[name]
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    reply = requests.post(url, data=data, headers={"content-type": content_type}, timeout=60)
    kind = reply.headers["content-type"].split(";")[0]
    return reply.status_code, kind, reply.json() if kind == JSON else reply.text


@pytest.mark.parametrize("name", CORPUS)
def test_replies_are_those_of_mlflow(servers, name):
    (mlflow_url, slipway_url) = servers
    status, kind, body = send(slipway_url, name)
    expected_status, expected_kind, expected = send(mlflow_url, name)
    if name in DIFFERENCES:
        known_status, known_error, _ = DIFFERENCES[name]
        assert (status, body.get("error_code")) == (known_status, known_error), body
        assert (expected_status, expected.get("error_code")) != (known_status, known_error), "no longer a difference"
        return
    assert (status, kind) == (expected_status, expected_kind), (body, expected)
    if status == 200:
        assert np.allclose(body["predictions"], expected["predictions"], rtol=1e-5, atol=1e-4)
        assert body.keys() == expected.keys()
    elif kind == JSON:
        assert body["error_code"] == expected["error_code"], (body, expected)
        sentence = expected["message"]
        for known in ["Model is missing inputs ['country'].", "Note that there were extra inputs: ['other']", "exactly one of"]:
            assert (known in body["message"]) == (known in sentence), (body, expected)
    else:
        assert body.split(":")[0].split(".")[0] == expected.split(":")[0].split(".")[0]


def test_what_answers_is_seen_at_ping(servers):
    mlflow_url, slipway_url = servers
    expected = requests.get(mlflow_url.replace("/invocations", "/ping"), timeout=60)
    got = requests.get(f"{slipway_url.split('/api/')[0]}/ping", timeout=60)
    assert (got.status_code, got.text) == (expected.status_code, expected.text)
