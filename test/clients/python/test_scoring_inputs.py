"""What a body of /invocations gives a model is what MLflow's own scoring server gives it."""

import json
import urllib.error
import urllib.request

import mlflow
import pytest
from mlflow.pyfunc import scoring_server

from scoring_models import bodies

ASKED = [pytest.param(name, body, id=f"{name}-{at}") for name, given in bodies.items() for at, body in enumerate(given)]


def post(http, name, body, way="invocations", kind="application/json"):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(f"{http}/api/slipway/v1/models/{name}/{way}", data, {"content-type": kind})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def mlflows(model, body, kind="application/json"):
    """Status and answer of MLflow's scoring server, by the function that its server calls."""
    data = body if isinstance(body, str) else json.dumps(body)
    try:
        answer = scoring_server.invocations(data, kind, model, model.metadata.get_input_schema())
    except mlflow.MlflowException as error:
        return error.get_http_status_code(), {"message": error.message, "error_code": error.error_code}
    return answer.status, json.loads(answer.response)


@pytest.mark.parametrize("name, body", ASKED)
def test_gives_the_model_what_mlflow_gives_it(http, loaded, name, body):
    status, answer = post(http, name, body)
    wanted, expected = mlflows(loaded(name), body)
    assert status == wanted, (answer, expected)
    if status == 200:
        assert answer == expected
    else:
        assert answer["error_code"] == expected["error_code"], (answer, expected)


REFUSED = {
    "hinted-texts": ({"inputs": [1]}, "Expected type str, but got int"),
    "parametric": ({**{"dataframe_records": [{"a": 1.5}]}, "params": [1]}, "Parameters must be a dictionary"),
    "unsigned-shown": ({"other": 1}, "exactly one of"),
    "values": ({"dataframe_records": [{"tags": "a", "o": {"k": "z"}}]}, "list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_says_what_is_wrong(http, name):
    body, words = REFUSED[name]
    status, answer = post(http, name, body)
    assert status == 400 and words in answer["message"]


@pytest.mark.parametrize("text", ["c\nx\ny\n", "a,b\n1,x\n2.5,y\n"])
def test_tables_of_text_keep_their_columns(http, loaded, text):
    assert post(http, "unsigned-shown", text, kind="text/csv") == mlflows(loaded("unsigned-shown"), text, "text/csv")


def test_broken_bodies_are_refused(http):
    for body in ("{", "[1]", '{"inputs": ' + "[" * 100_000):
        assert post(http, "values", body)[0] == 400
        assert post(http, "unsigned-shown", body)[0] == 400


def test_predict_takes_the_same_rows(http, loaded):
    rows = [{"tags": ["a", "b"], "o": {"k": "z", "v": 1}}]
    status, answer = post(http, "values", {"data": rows}, "predict")
    assert (status, answer["predictions"]) == (200, mlflows(loaded("values"), {"dataframe_records": rows})[1]["predictions"])
    status, answer = post(http, "hinted-texts", {"data": ["a"]}, "predict")
    assert (status, answer["predictions"]) == (200, ["'a'"])
