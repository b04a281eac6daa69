"""Models that are logged, registered, and loaded back by every kind of URI."""

import mlflow
import numpy as np
import pandas as pd
import pytest
from expectations import VERSION, needs_logged_models, refused
from mlflow.models import infer_signature
from packaging.version import Version

if VERSION >= Version("3.0"):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput, LoggedModelStatus, Metric


def log_sklearn(model, name, **options):
    """The argument for the name was `artifact_path` before mlflow 3, which also picks a format that asks for trusted types."""
    named = {"artifact_path": name} if VERSION < Version("3.0") else {"name": name}
    return mlflow.sklearn.log_model(model, serialization_format="cloudpickle", **named, **options)


@pytest.fixture
def registered(experiment, classifier, features, unique):
    """The name of a registered model with one version, and what was logged for it."""
    name = unique("classifier")
    with mlflow.start_run():
        info = log_sklearn(
            classifier,
            "model",
            registered_model_name=name,
            signature=infer_signature(features, classifier.predict(features)),
            input_example=features[:2],
        )
    return name, info


def test_a_logged_model_is_registered_and_loaded_by_number(client, registered, classifier, features):
    name, info = registered
    version = client.get_model_version(name, "1")
    assert version.status == "READY"
    assert version.run_id == info.run_id
    loaded = mlflow.sklearn.load_model(f"models:/{name}/1")
    assert np.array_equal(loaded.predict_proba(features), classifier.predict_proba(features))


def test_a_registered_model_is_loaded_by_alias_latest_and_stage(client, registered, classifier, features):
    name, _ = registered
    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "1", "Production")
    for reference in [f"{name}@champion", f"{name}/latest", f"{name}/Production"]:
        loaded = mlflow.pyfunc.load_model(f"models:/{reference}")
        assert np.array_equal(loaded.predict(features), classifier.predict(features)), reference


def test_a_model_is_loaded_by_its_own_uri_and_by_its_run(registered, classifier, features):
    _, info = registered
    for uri in {info.model_uri, f"runs:/{info.run_id}/model"}:
        loaded = mlflow.sklearn.load_model(uri)
        assert np.array_equal(loaded.predict(features), classifier.predict(features)), uri


def test_the_alias_decides_what_is_loaded(client, registered, classifier, features):
    name, _ = registered
    other = type(classifier)().fit(features, (features[:, 0] > 0).astype(int))
    with mlflow.start_run():
        log_sklearn(other, "model", registered_model_name=name)
    assert {int(found.version) for found in client.search_model_versions(f"name = '{name}'")} == {1, 2}
    for number, expected in [("1", classifier), ("2", other), ("1", classifier)]:
        client.set_registered_model_alias(name, "champion", number)
        loaded = mlflow.sklearn.load_model(f"models:/{name}@champion")
        assert np.array_equal(loaded.coef_, expected.coef_)
    assert np.array_equal(mlflow.sklearn.load_model(f"models:/{name}/latest").coef_, other.coef_)


def test_signature_and_example_are_read_back(registered, features):
    name, _ = registered
    info = mlflow.models.get_model_info(f"models:/{name}/1")
    assert info.signature.inputs.to_dict()[0]["tensor-spec"]["shape"] == (-1, 4)
    assert set(info.flavors) >= {"python_function", "sklearn"}
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/1")
    assert np.array_equal(loaded.input_example, features[:2])


def test_a_schema_of_columns_is_enforced_after_loading(experiment, classifier, features, unique):
    frame = pd.DataFrame(features, columns=["a", "b", "c", "d"])
    with mlflow.start_run():
        info = log_sklearn(classifier, "columns", signature=infer_signature(frame, classifier.predict(features)))
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    assert loaded.metadata.get_input_schema().input_names() == ["a", "b", "c", "d"]
    with pytest.raises(Exception, match="missing inputs"):
        loaded.predict(frame[["a", "b"]])


def test_a_model_of_one_run_is_registered_later(client, experiment, classifier, features, unique):
    with mlflow.start_run() as active:
        log_sklearn(classifier, "late")
    name = unique("late")
    version = mlflow.register_model(f"runs:/{active.info.run_id}/late", name, tags={"origin": "later"})
    assert str(version.version) == "1"
    assert client.get_model_version(name, "1").tags == {"origin": "later"}
    assert str(mlflow.register_model(f"runs:/{active.info.run_id}/late", name).version) == "2"
    loaded = mlflow.sklearn.load_model(f"models:/{name}/2")
    assert np.array_equal(loaded.predict(features), classifier.predict(features))


def test_a_python_model_is_logged_and_loaded(experiment, unique):
    class Doubles(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [value * 2 for value in model_input]

    options = {"artifact_path": "doubles"} if VERSION < Version("3.0") else {"name": "doubles"}
    name = unique("doubles")
    with mlflow.start_run():
        mlflow.pyfunc.log_model(python_model=Doubles(), registered_model_name=name, **options)
    assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict([1, 2, 3]) == [2, 4, 6]


def test_an_onnx_model_is_logged_and_loaded(experiment, classifier, features, unique):
    pytest.importorskip("onnxruntime")
    from skl2onnx import to_onnx

    model = to_onnx(classifier, features[:1].astype(np.float32), options={"zipmap": False})
    options = {"artifact_path": "onnx"} if VERSION < Version("3.0") else {"name": "onnx"}
    name = unique("onnx")
    with mlflow.start_run():
        mlflow.onnx.log_model(model, registered_model_name=name, **options)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/1")
    labels = loaded.predict(features.astype(np.float32))["label"]
    assert np.array_equal(np.asarray(labels).ravel(), classifier.predict(features))


def test_autologging_logs_params_metrics_and_the_model(client, experiment, features):
    from sklearn.tree import DecisionTreeClassifier

    mlflow.sklearn.autolog(log_datasets=True)
    try:
        with mlflow.start_run() as active:
            DecisionTreeClassifier(max_depth=3).fit(features, (features[:, 0] > 0).astype(int))
    finally:
        mlflow.sklearn.autolog(disable=True)
    data = client.get_run(active.info.run_id).data
    assert data.params["max_depth"] == "3"
    assert data.metrics["training_accuracy_score"] > 0.9
    assert data.tags["estimator_name"] == "DecisionTreeClassifier"
    loaded = mlflow.sklearn.load_model(f"runs:/{active.info.run_id}/model")
    assert loaded.get_depth() <= 3


def test_evaluation_logs_metrics_to_the_run(client, experiment, classifier, features):
    frame = pd.DataFrame(features, columns=["a", "b", "c", "d"])
    frame["label"] = (features.sum(axis=1) > 0).astype(int)
    with mlflow.start_run() as active:
        info = log_sklearn(classifier, "evaluated")
        mlflow.evaluate(info.model_uri, frame, targets="label", model_type="classifier", evaluator_config={"log_explainer": False})
    assert client.get_run(active.info.run_id).data.metrics["accuracy_score"] > 0.9


def test_unknown_references_are_refused(client, registered, unique):
    name, _ = registered
    for reference in [f"{name}/9", f"{name}@nobody", f"{unique('nobody')}/1", f"{unique('nobody')}/latest"]:
        with pytest.raises(mlflow.exceptions.MlflowException):
            mlflow.pyfunc.load_model(f"models:/{reference}")


# Models of their own


@needs_logged_models
def test_a_logged_model_knows_its_run_and_the_run_its_model(client, registered):
    name, info = registered
    model = client.get_logged_model(info.model_id)
    assert model.name == "model"
    assert model.source_run_id == info.run_id
    assert model.status == LoggedModelStatus.READY
    outputs = client.get_run(info.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [info.model_id]
    assert client.get_model_version(name, "1").source == info.model_uri
    assert name in model.tags["mlflow.modelVersions"]


@needs_logged_models
def test_a_logged_model_is_made_tagged_finished_and_deleted(client, experiment):
    model = mlflow.initialize_logged_model(name="external", params={"depth": 3}, tags={"a": "1"}, model_type="agent")
    assert model.model_id.startswith("m-")
    assert model.status == LoggedModelStatus.PENDING
    client.set_logged_model_tags(model.model_id, {"a": "2", "b": "3"})
    client.delete_logged_model_tag(model.model_id, "b")
    mlflow.log_model_params({"width": 5}, model_id=model.model_id)
    finished = mlflow.finalize_logged_model(model.model_id, "READY")
    assert finished.status == LoggedModelStatus.READY
    got = client.get_logged_model(model.model_id)
    assert (got.name, got.model_type, got.params) == ("external", "agent", {"depth": "3", "width": "5"})
    assert got.tags["a"] == "2" and "b" not in got.tags
    assert got.creation_timestamp <= got.last_updated_timestamp
    client.delete_logged_model(model.model_id)
    assert client.search_logged_models([experiment]) == []
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_logged_model(model.model_id)


@needs_logged_models
def test_a_logged_model_with_many_params(client, experiment):
    model = mlflow.initialize_logged_model(name="wide", params={f"p{index}": index for index in range(230)})
    assert len(client.get_logged_model(model.model_id).params) == 230


@needs_logged_models
def test_metrics_of_a_model_are_bound_to_data_sets(client, experiment, features):
    train = mlflow.data.from_numpy(features, name="train")
    test = mlflow.data.from_numpy(features[:5], name="test")
    model = mlflow.initialize_logged_model(name="measured")
    with mlflow.start_run() as active:
        mlflow.log_metric("accuracy", 0.9, dataset=train, model_id=model.model_id)
        mlflow.log_metric("accuracy", 0.5, dataset=test, model_id=model.model_id)
        mlflow.log_metrics({"loss": 0.1}, step=2, model_id=model.model_id)
    got = client.get_logged_model(model.model_id).metrics
    found = {(item.key, item.dataset_name): (item.value, item.run_id) for item in got}
    run = active.info.run_id
    assert found == {("accuracy", "train"): (0.9, run), ("accuracy", "test"): (0.5, run), ("loss", None): (0.1, run)}


@needs_logged_models
def test_metrics_of_a_model_are_read_back_with_the_run(client, experiment):
    model = mlflow.initialize_logged_model(name="measured")
    run = client.create_run(experiment).info.run_id
    client.log_batch(run, metrics=[Metric("m", 1.5, 1000, 3, model_id=model.model_id)])
    assert client.get_run(run).data.metrics == {"m": 1.5}
    [point] = client.get_metric_history(run, "m")
    assert (point.step, point.value) == (3, 1.5)


@needs_logged_models
def test_models_are_inputs_and_outputs_of_runs(client, experiment, run):
    first = mlflow.initialize_logged_model(name="first")
    second = mlflow.initialize_logged_model(name="second")
    client.log_inputs(run, models=[LoggedModelInput(first.model_id)])
    client.log_outputs(run, models=[LoggedModelOutput(second.model_id, step=7)])
    got = client.get_run(run)
    assert [item.model_id for item in got.inputs.model_inputs] == [first.model_id]
    assert [(item.model_id, item.step) for item in got.outputs.model_outputs] == [(second.model_id, 7)]


@needs_logged_models
def test_logged_models_are_searched(client, experiment, features):
    data = mlflow.data.from_numpy(features, name="held out")
    made = []
    for index in range(5):
        model = mlflow.initialize_logged_model(name=f"candidate-{index}", params={"depth": index}, tags={"half": str(index % 2)})
        with mlflow.start_run():
            mlflow.log_metric("accuracy", index / 10, model_id=model.model_id, dataset=data)
        mlflow.finalize_logged_model(model.model_id, "READY" if index else "FAILED")
        made.append(model.model_id)

    def search(filter_string=None, **options):
        return [model.model_id for model in client.search_logged_models([experiment], filter_string, **options)]

    assert search() == made[::-1]
    assert search("name = 'candidate-2'") == [made[2]]
    assert set(search("name LIKE 'candidate-%'")) == set(made)
    assert set(search("tags.half = '1'")) == {made[1], made[3]}
    assert search("params.depth = '4'") == [made[4]]
    assert set(search("metrics.accuracy > 0.25")) == {made[3], made[4]}
    assert search("metrics.accuracy > 0.15 AND tags.half = '1'") == [made[3]]
    assert search("metrics.accuracy > 0.25", datasets=[{"dataset_name": "held out"}], order_by=[{"field_name": "name"}]) == [
        made[3],
        made[4],
    ]
    assert search("metrics.accuracy > 0.25", datasets=[{"dataset_name": "another"}]) == []
    by_accuracy = [{"field_name": "metrics.accuracy", "ascending": False}]
    assert search(order_by=by_accuracy) == made[::-1]
    assert search(order_by=[{"field_name": "name", "ascending": True}]) == made
    first = client.search_logged_models([experiment], max_results=2, order_by=by_accuracy)
    second = client.search_logged_models([experiment], max_results=2, order_by=by_accuracy, page_token=first.token)
    third = client.search_logged_models([experiment], max_results=2, order_by=by_accuracy, page_token=second.token)
    assert [model.model_id for page in (first, second, third) for model in page] == made[::-1]
    assert not third.token


@needs_logged_models
def test_an_external_model_has_artifacts(client, experiment, tmp_path):
    model = mlflow.initialize_logged_model(name="files")
    (tmp_path / "weights.bin").write_bytes(b"\x00\x01\x02")
    client.log_model_artifact(model.model_id, str(tmp_path / "weights.bin"))
    client.log_model_artifacts(model.model_id, str(tmp_path))
    assert [item.path for item in client.list_logged_model_artifacts(model.model_id)] == ["weights.bin"]


@needs_logged_models
def test_checkpoints_of_one_model_have_steps(client, experiment, classifier, features):
    with mlflow.start_run() as active:
        infos = [log_sklearn(classifier, "checkpoint", step=step) for step in (1, 2)]
    outputs = client.get_run(active.info.run_id).outputs.model_outputs
    assert sorted((output.step, output.model_id) for output in outputs) == [
        (1, infos[0].model_id),
        (2, infos[1].model_id),
    ]


@needs_logged_models
def test_deleted_models_of_a_run_can_no_longer_be_searched(client, experiment, classifier):
    with mlflow.start_run():
        info = log_sklearn(classifier, "dropped")
    client.delete_logged_model(info.model_id)
    assert client.search_logged_models([experiment]) == []
