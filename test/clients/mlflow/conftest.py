"""Fixtures of the suites that drive the server at MLFLOW_TRACKING_URI with the unmodified mlflow client."""

import os
import uuid

# A server that fails must fail the test, not keep the client retrying for minutes. The client reads these when it is imported.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_REGISTER_MODEL_POLL_MAX_SLEEP", "1")

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LogisticRegression


@pytest.fixture(scope="session", autouse=True)
def tracking_uri():
    """The one thing the suites know of the server."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return uri


@pytest.fixture(scope="session")
def client(tracking_uri):
    return MlflowClient(tracking_uri)


@pytest.fixture
def unique():
    """Makes names that no other test and no earlier session has used: one server serves them all."""
    suffix = uuid.uuid4().hex[:12]
    return lambda stem: f"{stem}-{suffix}"


@pytest.fixture
def experiment(client, unique):
    """The id of a new experiment, which is also the active one."""
    experiment_id = client.create_experiment(unique("experiment"))
    mlflow.set_experiment(experiment_id=experiment_id)
    yield experiment_id
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def run(client, experiment):
    """The id of a run that no fluent call is bound to."""
    return client.create_run(experiment).info.run_id


@pytest.fixture(scope="session")
def features():
    return np.random.default_rng(7).normal(size=(60, 4))


@pytest.fixture(scope="session")
def classifier(features):
    return LogisticRegression().fit(features, (features.sum(axis=1) > 0).astype(int))
