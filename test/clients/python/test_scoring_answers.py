"""What the scoring protocol answers is what MLflow's own scoring server does: same model, same body, same JSON."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server

from answer_models import ANSWERS
from save_models import NULLED, NUMBERS, SIGNED_ANSWERS, cases
from v2 import Refused, infer

# What the field's servers write as these words, which compare as unequal to themselves.
WORDS = {"parse_constant": str}


def ours(http, name, body, path="invocations"):
    url = f"{http}/api/slipway/v1/models/{name}/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read(), **WORDS)["predictions"]
    except urllib.error.HTTPError as error:
        pytest.fail(f"{error.code}: {error.read().decode()}")


def mlflows(model, body):
    schema = model.metadata.get_input_schema()
    answer = scoring_server.invocations(json.dumps(body), "application/json", model, schema)
    assert answer.status == 200
    return json.loads(answer.response, **WORDS)["predictions"]


def exactly(value):
    """With the types of the scalars, since 1 is True in Python."""
    if isinstance(value, dict):
        return {key: exactly(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [exactly(entry) for entry in value]
    return (isinstance(value, bool), value)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("kind", ANSWERS)
def test_any_answer(http, loaded, kind, rows):
    body = {"dataframe_records": [{"kind": kind}] * rows}
    expected = mlflows(loaded("answers"), body)
    assert exactly(ours(http, "answers", body)) == exactly(expected)
    assert exactly(ours(http, "answers", {"data": body["dataframe_records"]}, "predict")) == exactly(expected)


@pytest.mark.parametrize("kind", SIGNED_ANSWERS)
def test_answers_with_a_signature_of_mlflows(http, loaded, kind):
    """Also where the signature was inferred from them."""
    body = {"dataframe_records": [{"x": 1.0}, {"x": 2.0}]}
    expected = mlflows(loaded(f"signed-{kind}"), body)
    assert exactly(ours(http, f"signed-{kind}", body)) == exactly(expected)
    assert infer(http, f"signed-{kind}", {"x": np.ones((2, 1))})


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("kind", NULLED)
def test_nulls_that_the_declared_types_can_not_hold(http, loaded, kind, rows):
    body = {"dataframe_records": [{"x": 1.0}] * rows}
    expected = mlflows(loaded(f"nulled-{kind}"), body)
    assert exactly(ours(http, f"nulled-{kind}", body)) == exactly(expected)
    assert exactly(ours(http, f"nulled-{kind}", {"data": body["dataframe_records"]}, "predict")) == exactly(expected)


@pytest.mark.parametrize("kind", NULLED)
def test_tensors_say_that_they_can_not_hold_a_null(http, kind):
    name = NULLED[kind][0][0] or "output-1"
    answer = infer(http, f"nulled-{kind}", {"x": np.ones((1, 1))})
    assert answer[name].ravel().tolist() == [2 if kind == "objects-with-null" else 1]
    for wanted in ((), (name,)):
        with pytest.raises(Refused) as refused:
            infer(http, f"nulled-{kind}", {"x": np.ones((3, 1))}, outputs=wanted)
        assert refused.value.status == 500 and f"output '{name}'" in refused.value.text and "null" in refused.value.text


def test_a_float_holds_a_null_as_nan(http):
    answer = infer(http, "nulled-table-with-nulls", {"x": np.ones((3, 1))}, outputs=["x"])
    assert str(answer["x"].ravel().tolist()) == "[0.5, 0.5, nan]"


@pytest.mark.parametrize("name", [name for name, case in cases.items() if isinstance(case.data, pd.DataFrame) and name not in ("seen", "wrong")])
def test_models_of_libraries(http, loaded, name):
    data = cases[name].data.iloc[:20]
    body = {"dataframe_split": json.loads(data.to_json(orient="split", double_precision=15))}
    assert exactly(ours(http, name, body)) == exactly(mlflows(loaded(name), body))


def test_joined_requests_have_each_their_own(http, loaded):
    model = loaded("texts")
    bodies = [{"dataframe_records": json.loads(NUMBERS.iloc[at : at + 1 + at % 3].to_json(orient="records"))} for at in range(40)]
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda body: ours(http, "texts", body), bodies))
    assert answers == [mlflows(model, body) for body in bodies]


@pytest.mark.parametrize("kind", ["objects", "table-with-bytes", "bytes", "lists-of-types", "dict-of-scalars"])
def test_joined_requests_have_each_their_own_json(http, loaded, kind):
    model = loaded("answers")
    bodies = [{"dataframe_records": [{"kind": kind}] * (1 + at % 3)} for at in range(24)]
    with ThreadPoolExecutor(24) as callers:
        answers = list(callers.map(lambda body: ours(http, "joined", body), bodies))
    assert answers == [mlflows(model, body) for body in bodies]


def test_large_answers_are_written_on_threads(http, loaded):
    for kind in ("table", "table-with-cells", "ragged", "dict"):
        body = {"dataframe_records": [{"kind": kind}] * (300 if kind == "ragged" else 20_000)}
        assert ours(http, "answers", body) == mlflows(loaded("answers"), body)


def test_tensors_stay_what_they_are(http):
    def asked(kind, rows=2):
        return infer(http, "answers", {"kind": np.array([[kind]] * rows, dtype=object)})

    assert asked("series")["output-1"].tolist() == [0, 1]
    assert {name: values.tolist() for name, values in asked("dict").items()} == {"a": [0, 1], "b": [[1, 1], [1, 1]]}
    assert [json.loads(text) for text in asked("objects")["output-1"]] == ANSWERS["objects"](2)
    assert [json.loads(text) for text in asked("ragged")["output-1"]] == [[1], [1, 1]]
    assert asked("text")["output-1"].tolist() == ["hello"]
    signed = infer(http, "signed-objects", {"x": np.ones((2, 1))})
    assert {name: values.tolist() for name, values in signed.items()} == {"label": [["x"], ["x"]], "score": [[0.5], [0.5]]}
    assert [json.loads(text) for text in infer(http, "signed-lists", {"x": np.ones((2, 1))})["output-1"]] == [[1, 2], [1, 2]]
