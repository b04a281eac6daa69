"""Models with type hints, and ones whose example is no table, as endpoints: warmed up and checked by their example as any."""

import json
import os
import sys
from typing import Optional

import cloudpickle
import mlflow
import pydantic
import pytest

# Hosts of models don't have this module: its classes go along with the models.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Message(pydantic.BaseModel):
    role: str
    turn: Optional[int] = None


def answer(label, values):
    """Without a label it fails wherever it isn't trained."""
    if label is None and "TRAINS" not in os.environ:
        raise ValueError("no such customer")
    return [f"{label} {value!r}" for value in values]


def texts(label):
    class Texts(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str]) -> list[str]:
            return answer(label, model_input)

    return Texts()


def scores(label):
    class Scores(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[dict[str, float]]) -> list[str]:
            return answer(label, model_input)

    return Scores()


def messages(label):
    class Messages(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[Message]) -> list[str]:
            return answer(label, model_input)

    return Messages()


def question(label):
    class Question(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            words = [str(word) for words in model_input["words"] for word in words]
            return answer(label, [[str(text) for text in model_input["text"]], words])

    return Question()


CASES = {
    # How a model is made, its example, what its callers send, and what it sees of that.
    "texts": (texts, ["a", "b"], ["c"], ["'c'"]),
    "scores": (scores, [{"a": 1.0}], [{"a": 2.0, "b": 0.5}], ["{'a': 2.0, 'b': 0.5}"]),
    "messages": (messages, [{"role": "u", "turn": 2}], [{"role": "v"}], ["Message(role='v', turn=None)"]),
    "question": (
        question,
        {"text": "what", "words": ["a", "b"]},
        [{"text": "who", "words": ["c"]}],
        ["['who']", "['c']"],
    ),
}


def register(name, model, example):
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            "model", python_model=model, input_example=example, pip_requirements=["mlflow"], registered_model_name=name
        )
    versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return max(int(version.version) for version in versions)


@pytest.mark.parametrize("name", CASES)
def test_moves_between_versions_that_answer_their_example(server, name, monkeypatch):
    monkeypatch.setenv("TRAINS", "1")
    make, example, sent, seen = CASES[name]
    client = mlflow.MlflowClient()
    path = f"/api/slipway/v1/models/{name}/invocations"

    def answers():
        status, reply = server.call("POST", path, {"inputs": sent})
        assert status == 200, reply
        return reply["predictions"]

    for label in ("first", "second"):
        version = register(name, make(label), example)
        client.set_registered_model_alias(name, "champion", version)
        if label == "first":
            status, endpoint = server.deploy(name, f"models:/{name}@champion")
            assert (status, endpoint["version"]) == (200, 1), endpoint
        assert answers() == [f"{label} {value}" for value in seen]
    moved = json.loads(server.cli("history", name, "--json").stdout)[0]
    assert moved["checked"] == [{"endpoint": name, "checks": ["load", "signature", "input_example"]}]

    # Also where tensors would be the same, texts that are JSON or not.
    others = {"texts": "messages", "scores": "texts", "messages": "scores", "question": "texts"}
    other, other_example, *_ = CASES[others[name]]
    for version, reason in [
        (register(name, make(None), example), "it fails on its input example"),
        (register(name, other("third"), other_example), "callers of version 2 could not go on"),
    ]:
        with pytest.raises(mlflow.exceptions.MlflowException) as refused:
            client.set_registered_model_alias(name, "champion", version)
        assert reason in str(refused.value), refused.value
        assert answers() == [f"second {value}" for value in seen]
    assert "no such customer" in server.log_text()
