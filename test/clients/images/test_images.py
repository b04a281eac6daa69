"""Images of Python models answer as the models do, by their own files alone, without a network and without rights."""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from container import Container, read_image, unpack

ROOT = Path(__file__).parents[3]
ROWS = pd.DataFrame(np.random.default_rng(7).normal(size=(200, 4)), columns=["a", "b", "c", "d"])

POSTPROCESS = """
import os
import numpy as np
import sklearn

def postprocess(outputs):
    shape = outputs["probability"].shape
    return {
        "percent": outputs["probability"] * 100,
        "version": np.full(shape, sklearn.__version__),
        "user": np.full(shape, os.getuid()),
    }
"""

MODULE = """
import numpy as np

signature = {
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}],
    "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1, 1]}],
}

batched = True

def load(context):
    global model
    from sklearn.linear_model import LogisticRegression
    x = np.load(context.directory + "/x.npy")
    model = LogisticRegression().fit(x, x[:, 0] + x[:, 1] > 0)

def predict(inputs, context):
    return {"probability": model.predict_proba(inputs["x"])[:, 1:]}
"""


def allowed():
    tried = subprocess.run(["unshare", "--mount", "--net", "chroot", "/", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return sys.platform == "linux" and tried.returncode == 0


pytestmark = pytest.mark.skipif(not allowed(), reason="containers are made with chroot and unshare, which this user may not")


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    # The folders of pytest are its user's alone.
    for above in (folder, folder.parent):
        above.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def model():
    return LogisticRegression().fit(ROWS, ROWS.a + ROWS.b > 0)


def package(folder, work, name):
    """Makes a package and an image of a folder with a model.yaml; its configuration and layers."""
    output, layout = work / f"{name}-package", work / f"{name}-image"
    command = ["node", "bin/slipway.mjs", "package", folder, "--output", output, "--oci", layout, "--python", sys.executable]
    subprocess.run(command, cwd=ROOT, check=True)
    return read_image(layout)


@pytest.fixture(scope="session")
def saved(work, model):
    folder = work / "saved"
    folder.mkdir()
    mlflow.sklearn.save_model(model, folder / "model", signature=infer_signature(ROWS, model.predict(ROWS)))
    (folder / "model.yaml").write_text("model: model\nname: saved\n")
    return package(folder, work, "saved")


@pytest.fixture(scope="session")
def module(work):
    folder = work / "module"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.py").write_text(MODULE)
    (folder / "post.py").write_text(POSTPROCESS)
    np.save(folder / "model" / "x.npy", ROWS.to_numpy())
    outputs = [("percent", "FP64"), ("version", "BYTES"), ("user", "INT64")]
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [{"name": name, "datatype": datatype, "shape": [-1, 1]} for name, datatype in outputs],
    }
    spec = {"model": "model", "name": "module", "postprocess": "post.py", "signature": signature}
    spec["resources"] = {"requirements": [f"scikit-learn=={__import__('sklearn').__version__}", f"numpy=={np.__version__}"]}
    (folder / "model.yaml").write_text(json.dumps(spec))
    return package(folder, work, "module")


def test_a_model_of_mlflow_answers_as_it_does(work, saved, model):
    config, layers = saved
    unpack(layers, work / "saved-root")
    with Container(work / "saved-root", work / "saved-data", config["config"]) as container:
        print(f"ready after {container.seconds:.1f} s")
        reply = container.post("/invocations", {"dataframe_split": ROWS.to_dict("split", index=False)})
        assert reply["predictions"] == model.predict(ROWS).tolist()
        programs = container.programs(work / "saved-root")
        names = [Path(program).relative_to(work / "saved-root") for program, _ in programs]
        assert Path("usr/local/bin/node") in names
        assert any(str(name).startswith("usr/local/bin/python3.") for name in names)
        assert all("Uid:\t65532\t65532\t65532\t65532" in status for _, status in programs)


def test_a_module_with_a_step_answers_as_its_model_does(work, module, model):
    config, layers = module
    unpack(layers, work / "module-root")
    with Container(work / "module-root", work / "module-data", config["config"]) as container:
        print(f"ready after {container.seconds:.1f} s")
        tensor = {"name": "x", "datatype": "FP64", "shape": list(ROWS.shape), "data": ROWS.to_numpy().ravel().tolist()}
        outputs = {each["name"]: each["data"] for each in container.post("/v2/models/module/infer", {"inputs": [tensor]})["outputs"]}
        np.testing.assert_allclose(outputs["percent"], 100 * model.predict_proba(ROWS)[:, 1], rtol=1e-12)
        assert set(outputs["version"]) == {__import__("sklearn").__version__}
        assert set(outputs["user"]) == {65532}


def test_images_share_what_is_not_of_a_model(saved, module):
    """Node, Python and Slipway are the same layers; the packages and the model are not."""
    layers = [[layer.name for layer in image[1]] for image in (saved, module)]
    assert layers[0][:3] == layers[1][:3]
    assert not set(layers[0][3:]) & set(layers[1][3:])


def test_modules_are_compiled_and_tell_of_no_place_of_the_machine(work, module):
    _, layers = module
    root = work / "module-root"
    site = next((root / "opt/environment/lib").glob("python3.*/site-packages"))
    compiled = {path.name.split(".")[0] for path in (site / "numpy" / "__pycache__").iterdir()}
    assert {path.stem for path in (site / "numpy").glob("*.py")} == compiled
    for path in filter(Path.is_file, [*site.glob("*.dist-info/*"), *site.glob("numpy/__pycache__/*")]):
        assert str(work).encode() not in path.read_bytes()
