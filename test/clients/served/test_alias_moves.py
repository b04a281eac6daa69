"""From training to serving and on: the alias moves, and callers notice nothing but the better answers."""

import http.client
import itertools
import json
import os
import sys
import threading
import time
from urllib.parse import urlparse

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
import tritonclient.grpc as triton
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tritonclient.utils import InferenceServerException

# Hosts of models don't have this module: its classes go along with the models.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

COLUMNS = list("abcd")
ROW = [1.0, 2.0, 3.0, 4.0]
RATE = 500
CALLERS = 10
# The newest client takes the whole load; the older one proves that its models are served the same way.
REQUESTS = 50_000 if int(mlflow.__version__.split(".")[0]) >= 3 else 5_000


def train(name: str, factor: float, columns=COLUMNS):
    """Registers the next version of a model that answers `factor` times the sum of its columns."""
    rng = np.random.default_rng(int(factor * 10))
    X = pd.DataFrame(rng.normal(size=(200, len(columns))), columns=columns)
    model = make_pipeline(StandardScaler(), LinearRegression())
    model.fit(X, X.sum(axis=1) * factor)
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            "model",
            signature=infer_signature(X, np.zeros(2)),
            input_example=X.head(3),
            registered_model_name=name,
        )
    versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return max(int(version.version) for version in versions)


@pytest.fixture(scope="module")
def linear(server):
    """An endpoint that follows @champion, with three versions: version n answers n times the sum."""
    assert [train("linear", factor) for factor in (1, 2, 3)] == [1, 2, 3]
    mlflow.MlflowClient().set_registered_model_alias("linear", "champion", 1)
    status, endpoint = server.deploy("linear", "models:/linear@champion")
    assert (status, endpoint["version"]) == (200, 1)
    return server


@pytest.fixture
def champion(linear):
    """Version 1 serves, and version 2 is in memory beside it; no process has loaded version 3."""
    for version in (2, 1):
        mlflow.MlflowClient().set_registered_model_alias("linear", "champion", version)
    return linear


def predict(server):
    status, reply = server.call("POST", "/predict", {"data": [ROW]})
    assert status == 200, reply
    return reply["version"], reply["predictions"][0]


class Callers:
    """An open load: every request leaves at its time, whatever the others do, until it is told to end and has made its requests."""

    def __init__(self, server, requests: int):
        self.address = urlparse(server.http)
        self.start_time = time.monotonic() + 0.2
        self.requests = requests
        self.is_ending = False
        self.sent = 0
        self.failures, self.wrong, self.late = [], [], []
        self.versions = {}
        # When the newest move was acknowledged, and to which version; None while one is under way.
        self.settled = (self.start_time, "1")
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, caller: int):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        body = json.dumps({"data": [ROW]})
        counts = {}
        sent = 0
        for number in itertools.count(caller, CALLERS):
            if self.is_ending and number >= self.requests:
                break
            sent += 1
            delay = self.start_time + number / RATE - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            settled = self.settled
            try:
                connection.request("POST", "/predict", body, {"content-type": "application/json"})
                response = connection.getresponse()
                text = response.read()
                if response.status != 200:
                    self.failures.append(text[:300])
                    continue
                reply = json.loads(text)
            except Exception as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            version, value = reply["version"], reply["predictions"][0]
            counts[version] = counts.get(version, 0) + 1
            if abs(value - 10 * int(version)) > 1e-6:
                self.wrong.append((version, value))
            # Sent after a move was acknowledged, and answered before the next one began.
            if settled is not None and settled is self.settled and version != settled[1]:
                self.late.append((version, settled))
        with self.lock:
            self.sent += sent
            for version, count in counts.items():
                self.versions[version] = self.versions.get(version, 0) + count

    def move(self, change, to: str) -> float:
        self.settled = None
        begun = time.monotonic()
        change()
        elapsed = time.monotonic() - begun
        self.settled = (time.monotonic(), to)
        return elapsed

    def end(self):
        self.is_ending = True
        for thread in self.threads:
            thread.join()


def checks_of_last_move(server):
    return json.loads(server.cli("history", "linear", "--json").stdout)[0]["checked"][0]["checks"]


def test_no_request_fails_while_the_alias_moves(champion):
    """To a version that is in memory, and to one whose process has yet to start and to load it; each time back again."""
    client = mlflow.MlflowClient()
    callers = Callers(champion, REQUESTS)
    pause = REQUESTS / RATE / 5
    promote = lambda version: lambda: client.set_registered_model_alias("linear", "champion", version)
    rollback = lambda: champion.call("POST", "/api/slipway/v1/endpoints/linear/rollback", {})
    elapsed, checks = {}, []
    for name, change, to in [("2", promote(2), "2"), ("1", rollback, "1"), ("3", promote(3), "3"), ("1 again", rollback, "1")]:
        time.sleep(pause)
        elapsed[name] = callers.move(change, to)
        checks.append(checks_of_last_move(champion))
    time.sleep(pause)
    callers.end()
    print(f"{callers.sent} requests at {RATE}/s: by version {callers.versions}; seconds of moves {elapsed}")
    assert callers.failures == []
    assert callers.wrong == []
    assert callers.late == []
    assert set(callers.versions) == {"1", "2", "3"}
    assert sum(callers.versions.values()) == callers.sent >= REQUESTS
    assert ["in_memory" in passed for passed in checks] == [True, True, False, True]
    assert {"load", "signature", "input_example"} <= set(checks[2])
    assert elapsed["1"] <= 1 and elapsed["1 again"] <= 1, elapsed


def test_the_new_version_answers_within_a_second_once_it_is_loaded(champion):
    client = mlflow.MlflowClient()
    predict(champion)
    for version in (2, 1, 2, 1):
        begun = time.monotonic()
        client.set_registered_model_alias("linear", "champion", version)
        answer = predict(champion)
        assert time.monotonic() - begun <= 1
        assert answer == (str(version), pytest.approx(10 * version))


class NotANumber(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return np.full(len(model_input), np.nan)


class NoWeights(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        # The one who logs the model has them.
        if "TRAINS" not in os.environ:
            raise RuntimeError("the weights are missing")

    def predict(self, context, model_input, params=None):
        return [0.0] * len(model_input)


def test_broken_versions_are_refused_and_the_incumbent_serves(champion, monkeypatch):
    monkeypatch.setenv("TRAINS", "1")
    client = mlflow.MlflowClient()
    signature = infer_signature(pd.DataFrame([ROW], columns=COLUMNS), np.zeros(1))

    def custom(model):
        example = pd.DataFrame([ROW], columns=COLUMNS)
        with mlflow.start_run():
            mlflow.pyfunc.log_model(
                "model",
                python_model=model,
                signature=signature,
                input_example=example,
                registered_model_name="linear",
            )
        return max(int(v.version) for v in client.search_model_versions("name = 'linear'"))

    broken = [
        (train("linear", 4, columns=["a", "b", "c", "e"]), "input 'e' is required, and is new"),
        (custom(NotANumber()), "is not a number (NaN)"),
        (custom(NoWeights()), "the weights are missing"),
    ]
    for version, reason in broken:
        with pytest.raises(mlflow.exceptions.MlflowException) as refused:
            client.set_registered_model_alias("linear", "champion", version)
        assert reason in str(refused.value)
        assert client.get_model_version_by_alias("linear", "champion").version in (1, "1")
        assert predict(champion) == ("1", pytest.approx(10))
        assert reason in champion.log_text()
        shown = champion.cli("promote", "linear", str(version))
        assert shown.returncode == 1 and reason in shown.stderr


def test_the_command_line_promotes_rolls_back_and_tells_the_history(champion):
    assert champion.cli("promote", "linear", "2", "--reason", "better recall").returncode == 0
    assert predict(champion)[0] == "2"
    assert "serves version 1 again" in champion.cli("rollback", "linear").stdout
    assert predict(champion)[0] == "1"
    history = json.loads(champion.cli("history", "linear", "--json").stdout)
    assert [move["version"] for move in history[:2]] == [1, 2]
    assert history[1]["reason"] == "better recall" and history[0]["cause"] == "rollback"


def test_every_protocol_calls_it_by_name(champion):
    assert predict(champion) == ("1", pytest.approx(10))
    status, reply = champion.call("POST", "/invocations", {"dataframe_records": [dict(zip(COLUMNS, ROW))]})
    assert status == 200 and reply["predictions"] == [pytest.approx(10)]
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [1, 1], "data": [value]} for name, value in zip(COLUMNS, ROW)
    ]
    status, reply = champion.call("POST", "/v2/models/linear/infer", {"inputs": inputs})
    assert status == 200 and reply["outputs"][0]["data"] == [pytest.approx(10)]
    status, reply = champion.call("POST", "/v2/models/linear/versions/1/infer", {"inputs": inputs})
    assert status == 200 and reply["model_version"] == "1"
    given = []
    for name, value in zip(COLUMNS, ROW):
        given.append(triton.InferInput(name, [1, 1], "FP64"))
        given[-1].set_data_from_numpy(np.array([[value]]))
    with triton.InferenceServerClient(champion.grpc) as client:
        for pinned in ("", "1"):
            result = client.infer("linear", given, model_version=pinned)
            response = result.get_response()
            assert (response.model_name, response.model_version) == ("linear", "1")
            assert result.as_numpy(response.outputs[0].name).ravel().tolist() == [pytest.approx(10)]
        assert client.is_model_ready("linear")
        with pytest.raises(InferenceServerException) as unknown:
            client.infer("linear", given, model_version="9")
        assert unknown.value.status() == "StatusCode.NOT_FOUND"
        # The endpoint moves for callers of this protocol as for all others.
        mlflow.MlflowClient().set_registered_model_alias("linear", "champion", 2)
        result = client.infer("linear", given)
        assert result.get_response().model_version == "2"
        assert result.as_numpy(result.get_response().outputs[0].name).ravel().tolist() == [pytest.approx(20)]
