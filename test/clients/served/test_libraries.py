"""Models of every library, from the training code to the answers of each protocol: those of the model itself."""

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import catboost
import cloudpickle
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import tritonclient.grpc as triton
import xgboost
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json

# Hosts of models don't have this module: its classes go along with the models.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

MAJOR = int(mlflow.__version__.split(".")[0])
random = np.random.default_rng(3)
NUMBERS = pd.DataFrame({f"f{at}": random.normal(size=120) for at in range(4)})
LABELS = (NUMBERS.sum(axis=1) > 0).astype("int64")
MIXED = NUMBERS.assign(age=random.integers(18, 90, 120), member=random.random(120) > 0.5, short=NUMBERS.f0.astype("float32"))
CITIES = NUMBERS.assign(city=random.choice(["Basel", "Zürich"], 120))
COUNTED = pd.DataFrame(NUMBERS.to_numpy())
SINGLES = NUMBERS.astype("float32")
IMAGES = random.normal(size=(6, 3, 8, 8)).astype("float32")
DATATYPES = {"float64": "FP64", "float32": "FP32", "int64": "INT64", "bool": "BOOL", "object": "BYTES", "str": "BYTES", "string": "BYTES"}


@dataclass
class Case:
    log: Callable[..., None]
    data: object


cases = {}


def case(name, data):
    """Adds a model: the function logs it with the arguments that it is given."""

    def add(log):
        cases[name] = Case(log, data)
        return log

    return add


def network(inputs=4):
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Linear(inputs, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2), torch.nn.Softmax(1)).eval()


def answer_of(module, data):
    with torch.no_grad():
        return module(torch.from_numpy(np.asarray(data))).numpy()


# Of the newest mlflow alone: the older one knows no other form.
PICKLE = {"serialization_format": "pickle"} if MAJOR >= 3 else {}


@case("xgboost", NUMBERS)
def _(**logged):
    model = xgboost.XGBClassifier(n_estimators=10).fit(NUMBERS, LABELS)
    mlflow.xgboost.log_model(model, signature=infer_signature(NUMBERS, model.predict(NUMBERS)), **logged)


@case("xgboost-booster", SINGLES)
def _(**logged):
    model = xgboost.train({"max_depth": 3}, xgboost.DMatrix(SINGLES, LABELS), 10)
    mlflow.xgboost.log_model(model, signature=infer_signature(SINGLES, model.predict(xgboost.DMatrix(SINGLES))), **logged)


@case("xgboost-counted", COUNTED)
def _(**logged):
    """Columns without names, which pandas counts: their names are numbers."""
    model = xgboost.XGBRegressor(n_estimators=10).fit(COUNTED, NUMBERS.f0)
    answer = pd.DataFrame(model.predict(COUNTED))
    mlflow.xgboost.log_model(model, signature=infer_signature(COUNTED, answer), input_example=COUNTED.head(2), **logged)


@case("lightgbm", MIXED)
def _(**logged):
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(MIXED, np.where(LABELS, "yes", "no"))
    mlflow.lightgbm.log_model(model, signature=infer_signature(MIXED, model.predict(MIXED)), **logged)


@case("lightgbm-booster", NUMBERS)
def _(**logged):
    settings = {"objective": "multiclass", "num_class": 3, "verbosity": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(NUMBERS, np.digitize(NUMBERS.f0, [-0.5, 0.5])), 10)
    mlflow.lightgbm.log_model(model, signature=infer_signature(NUMBERS, model.predict(NUMBERS)), **logged)


@case("catboost", CITIES)
def _(**logged):
    model = catboost.CatBoostClassifier(iterations=10, verbose=False, allow_writing_files=False, cat_features=["city"])
    model.fit(CITIES, LABELS)
    mlflow.catboost.log_model(model, signature=infer_signature(CITIES, model.predict(CITIES)), **logged)


@case("catboost-regressor", NUMBERS)
def _(**logged):
    model = catboost.CatBoostRegressor(iterations=10, verbose=False, allow_writing_files=False).fit(NUMBERS, NUMBERS.f2)
    mlflow.catboost.log_model(model, signature=infer_signature(NUMBERS, model.predict(NUMBERS)), **logged)


@case("pytorch", SINGLES.to_numpy())
def _(**logged):
    module, data = network(), SINGLES.to_numpy()
    mlflow.pytorch.log_model(module, signature=infer_signature(data, answer_of(module, data)), **PICKLE, **logged)


@case("pytorch-table", SINGLES)
def _(**logged):
    """Columns in, and a table without names out."""
    module = network()
    answer = pd.DataFrame(answer_of(module, SINGLES))
    mlflow.pytorch.log_model(module, signature=infer_signature(SINGLES, answer), **PICKLE, **logged)


@case("pytorch-table-to-tensor", SINGLES)
def _(**logged):
    """Columns in, and a signature that says a tensor comes out, where MLflow answers a table."""
    module = network()
    mlflow.pytorch.log_model(module, signature=infer_signature(SINGLES, answer_of(module, SINGLES)), **PICKLE, **logged)


@case("pytorch-images", IMAGES)
def _(**logged):
    torch.manual_seed(6)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 2)).eval()
    mlflow.pytorch.log_model(module, signature=infer_signature(IMAGES, answer_of(module, IMAGES)), **PICKLE, **logged)


if MAJOR >= 3:

    @case("pytorch-exported", SINGLES.to_numpy())
    def _(**logged):
        """The form that the newest mlflow writes unless it is told otherwise."""
        module, data = network(), SINGLES.to_numpy()
        mlflow.pytorch.log_model(module, signature=infer_signature(data, answer_of(module, data)), input_example=data[:3], **logged)


class Weighted(mlflow.pyfunc.PythonModel):
    """A network whose weights are an artifact of the run."""

    def load_context(self, context):
        self.module = torch.nn.Linear(4, 2)
        self.module.load_state_dict(torch.load(context.artifacts["weights"], weights_only=True))

    def predict(self, context, model_input, params=None):
        with torch.no_grad():
            scores = self.module(torch.from_numpy(model_input.to_numpy(dtype="float32"))).numpy()
        return pd.DataFrame(scores, columns=["first", "second"])


@case("custom", NUMBERS)
def _(**logged):
    folder = Path(logged.pop("folder"))
    module = torch.nn.Linear(4, 2)
    torch.save(module.state_dict(), folder / "weights.pt")
    answer = pd.DataFrame({"first": np.zeros(1, dtype="float32"), "second": np.zeros(1, dtype="float32")})
    mlflow.pyfunc.log_model(
        python_model=Weighted(),
        artifacts={"weights": str(folder / "weights.pt")},
        signature=infer_signature(NUMBERS, answer),
        **logged,
    )


@dataclass
class Served:
    name: str
    data: object
    model: mlflow.pyfunc.PyFuncModel


@pytest.fixture(scope="module", params=cases)
def served(request, server, tmp_path_factory):
    """A registered model behind an endpoint, and as MLflow itself loads it from the registry."""
    name, case = request.param, cases[request.param]
    # The server runs the interpreter of the tests, so that nobody has to find out what a model needs, which takes a while.
    logged = {"registered_model_name": name, "name" if MAJOR >= 3 else "artifact_path": "model", "pip_requirements": ["mlflow"]}
    if name == "custom":
        logged["folder"] = tmp_path_factory.mktemp(name)
    with mlflow.start_run():
        case.log(**logged)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")
    done = server.cli("deploy", f"models:/{name}@champion", "--name", name)
    assert done.returncode == 0, done.stderr + server.log_text()
    yield Served(name, case.data, mlflow.pyfunc.load_model(f"models:/{name}@champion"))
    assert server.call("DELETE", f"/api/slipway/v1/endpoints/{name}")[0] in (200, 204)


def tensors(data):
    """Arrays by name, as a client sends what pyfunc's predict takes."""
    if isinstance(data, pd.DataFrame):
        return {str(name): data[name].to_numpy().reshape(-1, 1) for name in data.columns}
    return {"input-0": data}


def same(answer, expected):
    """Whether arrays by name hold a prediction; frames divide into a tensor a column."""
    if isinstance(expected, pd.DataFrame):
        answer = np.concatenate([values.reshape(len(expected), -1) for values in answer.values()], axis=1)
    else:
        [answer] = answer.values()
    expected = np.asarray(expected)
    if expected.dtype.kind in "OSUT":
        assert answer.ravel().tolist() == expected.ravel().tolist()
    else:
        # Sums of a network may be added up in another order for another number of rows at once.
        np.testing.assert_allclose(answer.reshape(expected.shape), expected, rtol=1e-6, atol=1e-7)


def ask(server, name, arrays):
    inputs = [
        {"name": key, "datatype": DATATYPES[str(value.dtype)], "shape": list(value.shape), "data": value.ravel().tolist()}
        for key, value in arrays.items()
    ]
    return server.call("POST", f"/v2/models/{name}/infer", {"inputs": inputs})


@pytest.mark.parametrize("rows", [1, None], ids=["one row", "all rows"])
def test_over_rest(server, served, rows):
    data = served.data[:rows]
    status, reply = ask(server, served.name, tensors(data))
    assert status == 200, reply
    same({output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in reply["outputs"]}, served.model.predict(data))


def test_over_grpc(server, served):
    inputs = []
    for name, values in tensors(served.data).items():
        given = triton.InferInput(name, list(values.shape), DATATYPES[str(values.dtype)])
        given.set_data_from_numpy(values.astype(object) if values.dtype.kind not in "fib" else values)
        inputs.append(given)
    with triton.InferenceServerClient(server.grpc) as client:
        result = client.infer(served.name, inputs)
    answer = {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}
    if served.name == "lightgbm":
        answer = {name: np.array([text.decode() for text in values.ravel()]) for name, values in answer.items()}
    same(answer, served.model.predict(served.data))


def in_mlflows_words(prediction):
    """What MLflow's own scoring server answers."""
    written = io.StringIO()
    predictions_to_json(prediction, written)
    return json.loads(written.getvalue())["predictions"]


def close(answer, expected):
    """Whether two values of JSON are the same but for the last digits of their numbers."""
    if isinstance(expected, dict):
        assert list(answer) == list(expected)
        answer, expected = list(answer.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected):
            close(one, other)
    elif isinstance(expected, float):
        assert answer == pytest.approx(expected, rel=1e-6, abs=1e-7)
    else:
        assert answer == expected


def body_of(data):
    if isinstance(data, pd.DataFrame):
        return {"dataframe_split": {"columns": list(data.columns), "data": data.to_numpy(dtype=object).tolist()}}
    return {"inputs": data.tolist()}


def test_over_the_scoring_protocol(server, served):
    status, reply = server.call("POST", f"/api/slipway/v1/models/{served.name}/invocations", body_of(served.data))
    assert status == 200, reply
    close(reply["predictions"], in_mlflows_words(served.model.predict(served.data)))


def test_doubles_for_singles_are_taken_or_refused_as_by_mlflow(server, served):
    """JSON has one kind of number, which the signature makes what the model takes; a typed tensor says what it is."""
    data = served.data
    # Digits that a single hasn't.
    if isinstance(data, pd.DataFrame):
        singles = [name for name in data.columns if data[name].dtype == "float32"]
        if not singles:
            pytest.skip("it takes no singles")
        doubles = data.assign(**{name: data[name].astype("float64") + 1e-9 for name in singles})
    else:
        doubles = data.astype("float64") + 1e-9
    try:
        expected, refusal = served.model.predict(doubles), None
    except mlflow.MlflowException as error:
        expected, refusal = None, error.message.rpartition("'. Error: ")[2]
    status, reply = ask(server, served.name, tensors(doubles))
    if refusal is None:
        assert status == 200, reply
        same({output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in reply["outputs"]}, expected)
    else:
        assert (status, refusal in reply["error"]) == (400, True), reply
    status, reply = server.call("POST", f"/api/slipway/v1/models/{served.name}/invocations", body_of(doubles))
    assert status == 200, reply
    as_declared = doubles.astype(data.dtypes if isinstance(data, pd.DataFrame) else data.dtype)
    close(reply["predictions"], in_mlflows_words(served.model.predict(as_declared)))
