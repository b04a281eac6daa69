"""An MLmodel file made to do harm: the move is refused with a reason, the incumbent serves, and nothing of it is run."""

import mlflow
import pytest

NAME = "hostile"
PLAIN = """
class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }

    def predict(self, inputs, context):
        return {"y": inputs["x"] + 1}
"""
LEVELS = "abcdefghij"
BOMB = "a: &a [" + ",".join("x" * 9) + "]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{below}'] * 9)}]\n" for below, name in zip(LEVELS, LEVELS[1:])
)


def register(folder, files):
    """Registers files as the next version, as they are."""
    for name, text in files.items():
        (folder / name).write_text(text)
    client = mlflow.MlflowClient()
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(folder), "model")
    return client.create_model_version(NAME, f"runs:/{run.info.run_id}/model", run.info.run_id).version


@pytest.fixture(scope="module")
def served(server, tmp_path_factory):
    client = mlflow.MlflowClient()
    client.create_registered_model(NAME)
    version = register(tmp_path_factory.mktemp("plain"), {"model.py": PLAIN})
    client.set_registered_model_alias(NAME, "champion", version)
    status, endpoint = server.deploy(NAME, f"models:/{NAME}@champion")
    assert (status, endpoint["version"]) == (200, 1), endpoint
    return server


@pytest.mark.parametrize(
    "mlmodel",
    [
        BOMB,
        BOMB + "flavors: {python_function: *j}\n",
        'flavors: !!python/object/apply:os.system ["touch {proof}"]',
        "flavors: {python_function: {loader_module: os}}",
        "flavors: {__proto__: {loader_module: os}}",
        "flavors: {python_function: {loader_module: mlflow.sklearn, code: ../../.., data: ../../../slipway.lock}}",
        "[" * 100_000,
        "",
        "[1, 2]",
        "\x01",
    ],
    ids=["bomb", "bomb in flavors", "tag", "loader", "proto", "paths", "deep", "empty", "list", "bytes"],
)
def test_is_refused_and_never_run(served, tmp_path, mlmodel):
    proof = tmp_path / "proof"
    folder = tmp_path / "model"
    folder.mkdir()
    version = register(folder, {"MLmodel": mlmodel.replace("{proof}", str(proof))})
    with pytest.raises(mlflow.exceptions.MlflowException, match=f"to version {version} is refused: .{{10,}}"):
        mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", version)
    assert not proof.exists()
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [10]}]}
    status, answer = served.call("POST", f"/v2/models/{NAME}/infer", body)
    assert (status, answer["model_version"], answer["outputs"][0]["data"]) == (200, "1", [11])
