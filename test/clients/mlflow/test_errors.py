"""What the client raises for things that are missing, doubled or malformed."""

import os

import mlflow
import pytest
import requests
from expectations import needs_logged_models, refused
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

NO_RUN = "0" * 32
NO_MODEL = "m-" + "0" * 32


@pytest.fixture
def model(client, unique):
    return client.create_registered_model(unique("model")).name


# Missing


def test_unknown_experiments_are_refused(client):
    for call in [
        lambda: client.get_experiment("999999999"),
        lambda: client.delete_experiment("999999999"),
        lambda: client.restore_experiment("999999999"),
        lambda: client.rename_experiment("999999999", "x"),
        lambda: client.create_run("999999999"),
        lambda: client.set_experiment_tag("999999999", "a", "b"),
    ]:
        with refused("RESOURCE_DOES_NOT_EXIST", "999999999"):
            call()


def test_unknown_runs_are_refused(client):
    for call in [
        lambda: client.get_run(NO_RUN),
        lambda: client.delete_run(NO_RUN),
        lambda: client.restore_run(NO_RUN),
        lambda: client.set_terminated(NO_RUN),
        lambda: client.log_metric(NO_RUN, "m", 1),
        lambda: client.log_param(NO_RUN, "p", 1),
        lambda: client.set_tag(NO_RUN, "t", 1),
        lambda: client.log_batch(NO_RUN, metrics=[Metric("m", 1, 1, 1)]),
        lambda: client.list_artifacts(NO_RUN),
    ]:
        with refused("RESOURCE_DOES_NOT_EXIST", NO_RUN):
            call()


def test_unknown_tags_of_a_run_are_refused(client, run):
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_tag(run, "never set")


def test_unknown_models_and_versions_are_refused(client, model, unique):
    nobody = unique("nobody")
    for call in [
        lambda: client.get_registered_model(nobody),
        lambda: client.update_registered_model(nobody, "x"),
        lambda: client.rename_registered_model(nobody, unique("x")),
        lambda: client.delete_registered_model(nobody),
        lambda: client.set_registered_model_tag(nobody, "a", "b"),
        lambda: client.get_model_version(nobody, "1"),
        lambda: client.get_model_version(model, "1"),
        lambda: client.update_model_version(model, "1", "x"),
        lambda: client.delete_model_version(model, "1"),
        lambda: client.set_model_version_tag(model, "1", "a", "b"),
        lambda: client.transition_model_version_stage(model, "1", "Staging"),
        lambda: client.get_model_version_download_uri(model, "1"),
        lambda: client.set_registered_model_alias(model, "champion", "1"),
        lambda: client.get_latest_versions(nobody),
    ]:
        with refused("RESOURCE_DOES_NOT_EXIST"):
            call()


def test_an_unknown_alias_is_a_wrong_value(client, model):
    with refused("INVALID_PARAMETER_VALUE", "nobody"):
        client.get_model_version_by_alias(model, "nobody")


@needs_logged_models
def test_unknown_logged_models_are_refused(client):
    for call in [
        lambda: client.get_logged_model(NO_MODEL),
        lambda: client.delete_logged_model(NO_MODEL),
    ]:
        with refused("RESOURCE_DOES_NOT_EXIST"):
            call()


def test_unknown_artifacts_are_refused(client, run, tmp_path):
    with pytest.raises(MlflowException):
        client.download_artifacts(run, "nobody.txt", str(tmp_path))


# Doubled


def test_a_second_experiment_of_one_name_is_refused(client, experiment):
    name = client.get_experiment(experiment).name
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)
    client.delete_experiment(experiment)
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)


def test_set_experiment_of_a_deleted_one_says_so(client, experiment):
    name = client.get_experiment(experiment).name
    client.delete_experiment(experiment)
    with pytest.raises(MlflowException, match="deleted experiment"):
        mlflow.set_experiment(name)


def test_a_second_model_of_one_name_is_refused(client, model):
    with refused("RESOURCE_ALREADY_EXISTS", model):
        client.create_registered_model(model)


def test_a_rename_to_a_name_in_use_is_refused(client, model, unique):
    other = client.create_registered_model(unique("other")).name
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.rename_registered_model(model, other)


# Malformed


def test_names_may_not_be_empty(client):
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_registered_model("")
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_experiment("")


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V22", "with space", "", "a" * 256])
def test_aliases_that_are_reserved_or_malformed_are_refused(client, model, experiment, run, alias):
    client.create_model_version(model, f"{client.get_run(run).info.artifact_uri}/m", run)
    with refused("INVALID_PARAMETER_VALUE"):
        client.set_registered_model_alias(model, alias, "1")


def test_stages_that_do_not_exist_are_refused(client, model, experiment, run):
    client.create_model_version(model, f"{client.get_run(run).info.artifact_uri}/m", run)
    with refused("INVALID_PARAMETER_VALUE", "Invalid Model Version stage"):
        client.transition_model_version_stage(model, "1", "Nowhere")
    with pytest.raises(MlflowException):
        client.transition_model_version_stage(model, "1", "Archived", archive_existing_versions=True)


@pytest.mark.parametrize("key", ["a\\b", "a*b", "../up", "/root", "a//b", "./a", "a/../b", "x" * 251, "semi;colon"])
def test_keys_with_other_characters_are_refused(client, run, key):
    with refused("INVALID_PARAMETER_VALUE"):
        client.log_metric(run, key, 1)
    with refused("INVALID_PARAMETER_VALUE"):
        client.log_param(run, key, 1)


def test_keys_that_are_too_long_are_refused(client, experiment):
    with refused("INVALID_PARAMETER_VALUE"):
        client.set_experiment_tag(experiment, "k" * 251, "x")


def test_runs_that_were_deleted_take_nothing(client, run):
    client.delete_run(run)
    for call in [
        lambda: client.log_metric(run, "m", 1),
        lambda: client.log_param(run, "p", 1),
        lambda: client.set_tag(run, "t", 1),
        lambda: client.log_batch(run, tags=[RunTag("a", "b")]),
        lambda: client.update_run(run, status="FAILED"),
    ]:
        with refused("INVALID_PARAMETER_VALUE"):
            call()


def test_deleted_experiments_take_no_runs(client, experiment):
    client.delete_experiment(experiment)
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_run(experiment)


def test_a_param_twice_in_one_batch_with_two_values_is_refused(client, run):
    with refused("INVALID_PARAMETER_VALUE"):
        client.log_batch(run, params=[Param("a", "1"), Param("a", "2")])
    assert client.get_run(run).data.params == {}


def test_versions_may_not_come_from_places_outside(client, model, experiment, run):
    for source in ["/etc", "file:///etc", "mlflow-artifacts:/../../etc", "mlflow-artifacts:/1/%2e%2e/%2e%2e/etc"]:
        with refused("INVALID_PARAMETER_VALUE"):
            client.create_model_version(model, source, run)
    assert client.search_model_versions(f"name = '{model}'") == []


@pytest.mark.parametrize("path", ["../up.txt", "a/../../up.txt", "/etc/passwd"])
def test_artifacts_stay_below_their_run(tracking_uri, experiment, run, path):
    base = f"{tracking_uri}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/"
    escaped = path.replace("/", "%2F").replace(".", "%2E")
    for attempt in [escaped, escaped.replace("%", "%25")]:
        reply = requests.put(base + attempt, data=b"x", timeout=60)
        assert reply.status_code >= 400


def test_the_wrong_page_token_is_refused(client, experiment):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment], page_token="not a token")


def test_too_many_results_are_refused(client, experiment):
    for size in [0, 50_001]:
        with refused("INVALID_PARAMETER_VALUE"):
            client.search_runs([experiment], max_results=size)


def test_an_unknown_path_is_not_found(tracking_uri):
    reply = requests.post(f"{tracking_uri}/api/2.0/mlflow/nobody/here", json={}, timeout=60)
    assert reply.status_code == 404


def test_credentials_in_the_environment_do_not_disturb(client, experiment, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", os.urandom(8).hex())
    assert client.get_experiment(experiment).experiment_id == experiment
