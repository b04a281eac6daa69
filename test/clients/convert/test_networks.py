import json
import os

import numpy as np
import pytest

ROWS = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 8)).astype(np.float32)


def asked(slipway, name):
    inputs = [{"name": "x", "datatype": "FP32", "shape": list(X.shape), "data": X.ravel().tolist()}]
    return np.array(slipway.infer(name, inputs)["value"]["data"]).reshape(ROWS, -1)


@pytest.fixture(scope="module")
def module():
    import torch

    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 128), torch.nn.ReLU(), torch.nn.Linear(128, 3), torch.nn.Softmax(1)
    return torch.nn.Sequential(*layers).eval()


@pytest.mark.parametrize("how", ["script", "export", "pickle"])
def test_pytorch(slipway, name, module, how):
    import torch

    flags = ("--inputs", "x:FP32[-1,8]")
    if how == "script":
        torch.jit.script(module).save(slipway.folder / "net.pt")
    elif how == "pickle":
        torch.save(module, slipway.folder / "net.pt")
    else:
        rows = torch.export.Dim("rows")
        program = torch.export.export(module, (torch.from_numpy(X),), dynamic_shapes=({0: rows},))
        torch.export.save(program, slipway.folder / "net.pt2")
    source = "net.pt2" if how == "export" else "net.pt"
    report = slipway.converted(source, "--name", name, "--deploy", *flags)
    assert report["total"]["maxAbsolute"] < 1e-6 and report["total"]["labelsDiffer"] == 0
    with torch.no_grad():
        np.testing.assert_allclose(asked(slipway, name), module(torch.from_numpy(X)).numpy(), atol=1e-6)


@pytest.mark.parametrize("how, off", [("int8", 0.1), ("fp16", 0.005)])
def test_a_network_gets_smaller_and_the_report_tells_what_it_costs(slipway, module, how, off):
    import pandas as pd
    import torch

    torch.jit.script(module).save(slipway.folder / "net.pt")
    with torch.no_grad():
        labels = module(torch.from_numpy(X)).argmax(1).numpy()
    # A network of one input has no columns: a sample's row has what the input takes as a list.
    pd.DataFrame({"x": X.tolist(), "label": labels}).to_json(slipway.folder / "sample.json", orient="records")
    flags = ("--inputs", "x:FP32[-1,8]", "--quantize", how, "--agreement", "0.9")
    report = slipway.converted("net.pt", *flags, "--sample", "sample.json", "--label", "label")
    quantized = report["quantized"]
    before, after = quantized["before"], quantized["after"]
    assert quantized["how"] == how
    assert after["bytes"] < 0.75 * before["bytes"]
    for measured in (before, after):
        told = [measured["oneRowMs"], measured["batchMs"], measured["total"]["maxAbsolute"], measured["metric"]["value"]]
        assert np.isfinite(told).all()
        assert measured["oneRowMs"] > 0 and measured["batchMs"] > 0 and measured["batchRows"] == 256
    assert (before["metric"]["name"], before["metric"]["value"]) == ("accuracy", 1.0)
    # One row of forty at most changes its label.
    assert abs(after["metric"]["value"] - before["metric"]["value"]) <= 1 / ROWS
    assert before["total"]["maxAbsolute"] < 1e-6 < after["total"]["maxAbsolute"] < off
    kept = slipway.folder / "models" / "net" / "1"
    assert (kept / "model.onnx").stat().st_size == after["bytes"]
    assert json.loads((kept / "conversion.json").read_text())["quantized"] == quantized


def test_a_network_that_doesn_t_tell_its_inputs_is_refused(slipway, module):
    import torch

    torch.jit.script(module).save(slipway.folder / "net.pt")
    code, message = slipway.refused("net.pt")
    assert code == "no_inputs" and "--inputs 'x:FP32" in message


def test_weights_alone_are_no_network(slipway, module):
    import torch

    torch.save(module.state_dict(), slipway.folder / "net.pt")
    code, message = slipway.refused("net.pt", "--inputs", "x:FP32[-1,8]")
    assert code == "unreadable_model" and "a file of weights alone says nothing of the network" in message


@pytest.mark.parametrize("how", ["keras", "saved model"])
def test_tensorflow(slipway, name, how):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers.Input((8,), name="x"), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2)
    model = keras.Sequential(layers)
    if how == "keras":
        model.save(slipway.folder / "net.keras")
    else:
        model.export(slipway.folder / "net", verbose=False)
    source = "net.keras" if how == "keras" else "net"
    report = slipway.converted(source, "--name", name, "--deploy")
    assert json.loads((slipway.folder / "models" / name / "1" / "conversion.json").read_text())["flavor"] == "tensorflow"
    assert report["total"]["maxAbsolute"] < 1e-4
    np.testing.assert_allclose(asked(slipway, name), model.predict(X, verbose=0), atol=1e-5)
