"""A server of its own over MLflow models that are saved here, run by the interpreter that runs the tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
sys.path.insert(0, str(Path(__file__).parent))

import mlflow
import pytest

from save_models import answers, cases
from scoring_models import saves

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    repository = tmp_path_factory.mktemp("models")
    for name, case in cases.items():
        case.save(str(repository / name / "1"))
    for name, save in {**answers, **saves}.items():
        save(str(repository / name / "1"))
    return repository


@pytest.fixture(scope="session")
def http(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    ready = folder / "ready.json"
    command = ["node", "bin/slipway.mjs", "up", "--port", "0", "--grpc-port", "0", "--mlflow-port", "off", "--log.level", "warn"]
    paths = ["--data-dir", folder / "data", "--model-repository", saved, "--ready-file", ready, "--python", sys.executable]
    # The settings of the suites' own server are none of this one's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    server = subprocess.Popen([*command, *paths], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 600
        while not ready.exists():
            assert server.poll() is None and time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.05)
        yield json.loads(ready.read_text())["http"]
    finally:
        server.terminate()
        assert server.wait(30) == 0


@pytest.fixture
def loaded(saved):
    """The model as MLflow itself loads it."""
    return lambda name: mlflow.pyfunc.load_model(str(saved / name / "1"))
