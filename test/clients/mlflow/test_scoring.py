"""One corpus of scoring requests, answered by `mlflow models serve` and by Slipway, from the same trained model."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from expectations import VERSION
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema
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


def seen():
    """A model that tells what reached it; made here, so that it is saved with its code."""

    class Seen(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            rows = model_input.to_dict(orient="records")
            return [f"{sorted((key, str(value)) for key, value in row.items())} {sorted((params or {}).items())}" for row in rows]

    return Seen()


SEEN_SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec("double", "amount"),
            ColSpec("string", "word"),
            ColSpec("boolean", "known", required=False),
            ColSpec("integer", "count", required=False),
        ]
    ),
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec("factor", "double", 1.5), ParamSpec("name", "string", "nobody")]),
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model repository with the models as MLflow saves them."""
    repository = tmp_path_factory.mktemp("repository")
    mlflow.sklearn.save_model(trained(), repository / "scoring" / "1", signature=SIGNATURE, serialization_format="cloudpickle")
    mlflow.pyfunc.save_model(repository / "seen" / "1", python_model=seen(), signature=SEEN_SIGNATURE, pip_requirements=[])
    return repository


@contextlib.contextmanager
def running(command, log, **options):
    """A server of its own, killed with all that it started."""
    with open(log, "w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, **options)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def mlflow_serving(model, log):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"]
    # It starts uvicorn by its name.
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    with running([*command, "--port", str(port), "--model-uri", str(model)], log, env=environment) as server:
        wait_for(f"http://127.0.0.1:{port}/ping", server, log)
        yield f"http://127.0.0.1:{port}/invocations"


@pytest.fixture(scope="module")
def expected_of(saved, tmp_path_factory):
    """MLflow's own servers of the models, by name."""
    logs = tmp_path_factory.mktemp("logs")
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(mlflow_serving(saved / name / "1", logs / f"{name}.log")) for name in ["scoring", "seen"]}


@pytest.fixture(scope="module")
def python_address(saved, tmp_path_factory):
    """Slipway, with the models as they are saved."""
    directory = tmp_path_factory.mktemp("slipway")
    ready = directory / "ready.json"
    command = ["node", str(Path(__file__).parents[3] / "bin" / "slipway.mjs"), "up", "--port", "0", "--grpc-port", "0"]
    flags = ["--mlflow-port", "off", "--data-dir", str(directory / "data"), "--model-repository", str(saved)]
    flags += ["--python", sys.executable, "--ready-file", str(ready)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    with running([*command, *flags], directory / "slipway.log", env=environment) as server:
        until = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert server.poll() is None and time.monotonic() < until, (directory / "slipway.log").read_text()
            time.sleep(0.1)
        address = json.loads(ready.read_text())["http"]
        for name in ["scoring", "seen"]:
            wait_for(f"{address}/v2/models/{name}/ready", server, directory / "slipway.log")
        yield address


@pytest.fixture(scope="module")
def onnx_address():
    """Slipway, with the model converted to ONNX."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    types = [
        ("amount", FloatTensorType([None, 1])),
        ("count", Int64TensorType([None, 1])),
        ("country", StringTensorType([None, 1])),
    ]
    converted = to_onnx(trained(), initial_types=types).SerializeToString()
    address = os.environ["SLIPWAY_TEST_HTTP"]
    model = f"{address}/api/slipway/v1/models/scoring"
    requests.post(f"{model}/versions?file=model.onnx", data=converted, timeout=60).raise_for_status()
    yield address
    requests.delete(model, timeout=60)


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


def send(url, content_type, body):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    reply = requests.post(url, data=data, headers={"content-type": content_type}, timeout=60)
    kind = reply.headers["content-type"].split(";")[0]
    return reply.status_code, kind, reply.json() if kind == JSON else reply.text


def invocations(address, model):
    return f"{address}/api/slipway/v1/models/{model}/invocations"


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("engine", ["onnx", "python"])
def test_replies_are_those_of_mlflow(request, expected_of, engine, name):
    address = request.getfixturevalue(f"{engine}_address")
    status, kind, body = send(invocations(address, "scoring"), *CORPUS[name])
    expected_status, expected_kind, expected = send(expected_of["scoring"], *CORPUS[name])
    if name in DIFFERENCES:
        known_status, known_error, _ = DIFFERENCES[name]
        assert (status, body.get("error_code")) == (known_status, known_error), body
        assert (expected_status, expected.get("error_code")) != (known_status, known_error), "no longer a difference"
        return
    assert (status, kind) == (expected_status, expected_kind), (body, expected)
    if status == 200:
        # The converted model computes in single precision.
        close = {"rtol": 1e-5, "atol": 1e-4} if engine == "onnx" else {"rtol": 0, "atol": 0}
        assert np.allclose(body["predictions"], expected["predictions"], **close)
        assert body.keys() == expected.keys()
    elif kind == JSON:
        assert body["error_code"] == expected["error_code"], (body, expected)
        sentence = expected["message"]
        for known in ["Model is missing inputs ['country'].", "Note that there were extra inputs: ['other']", "exactly one of"]:
            assert (known in body["message"]) == (known in sentence), (body, expected)
    else:
        assert body.split(":")[0].split(".")[0] == expected.split(":")[0].split(".")[0]


SEEN_ROWS = {
    "every column": [{"amount": 1, "word": "a", "known": True, "count": 3}],
    "optional ones left out": [{"amount": 1.5, "word": "a"}],
    "a missing number": [{"amount": None, "word": "a"}, {"amount": 2, "word": "b"}],
    "a missing word": [{"amount": 1, "word": None}, {"amount": 2, "word": "b"}],
    "no word at all": [{"amount": 1, "word": None}],
}


@pytest.mark.parametrize("rows", SEEN_ROWS)
def test_what_is_missing_reaches_the_model_as_it_does_in_mlflow(python_address, expected_of, rows):
    body = {"dataframe_records": SEEN_ROWS[rows]}
    assert send(invocations(python_address, "seen"), JSON, body) == send(expected_of["seen"], JSON, body)


def test_what_answers_is_seen_at_ping(onnx_address, expected_of):
    expected = requests.get(expected_of["scoring"].replace("/invocations", "/ping"), timeout=60)
    got = requests.get(f"{onnx_address}/ping", timeout=60)
    assert (got.status_code, got.text) == (expected.status_code, expected.text)
