import json

import catboost
import numpy as np
import pandas as pd
import pytest

ROWS = 600
COLUMNS = [f"f{index}" for index in range(5)]


@pytest.fixture(scope="module")
def numbers():
    """Numbers with gaps, and what is to be told of them: one of two classes, one of three, and a value."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=ROWS) * (index + 1) for index, name in enumerate(COLUMNS)})
    values = frame.f0 * 3 + frame.f1
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    return frame, {2: (values > 0).astype(int), 3: np.digitize(values, [-2, 2])}, values


def asked(slipway, name, frame):
    data = [float(value) for value in frame.to_numpy().ravel()]
    return slipway.infer(name, [{"name": "features", "datatype": "FP32", "shape": list(frame.shape), "data": data}])


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_takes_missing_values_too(slipway, name, numbers, classes):
    frame, labels, _ = numbers
    model = catboost.CatBoostClassifier(iterations=20, depth=4, verbose=False, allow_writing_files=False).fit(frame, labels[classes])
    model.save_model(str(slipway.folder / "model.cbm"))
    report = slipway.converted("model.cbm", "--name", name, "--deploy")
    assert report["total"]["labelsDiffer"] == 0 and report["total"]["maxAbsolute"] < 1e-6
    assert {group["name"] for group in report["groups"]} == {"typical", "extreme", "missing values"}
    answer = asked(slipway, name, frame.head(50))
    probabilities = np.array(answer["probabilities"]["data"]).reshape(-1, classes)
    np.testing.assert_allclose(probabilities, model.predict_proba(frame.head(50).astype("float32")), atol=1e-6)
    assert answer["label"]["data"] == model.predict(frame.head(50).astype("float32")).ravel().tolist()


def test_a_regressor(slipway, name, numbers):
    frame, _, values = numbers
    model = catboost.CatBoostRegressor(iterations=20, depth=4, verbose=False, allow_writing_files=False).fit(frame, values)
    model.save_model(str(slipway.folder / "model.cbm"))
    frame.assign(value=values).to_csv(slipway.folder / "sample.csv", index=False)
    report = slipway.converted("model.cbm", "--name", name, "--sample", "sample.csv", "--label", "value", "--deploy")
    assert report["metric"]["value"] == pytest.approx(report["metric"]["original"])
    answer = asked(slipway, name, frame.head(50))
    np.testing.assert_allclose(np.ravel(answer["value"]["data"]), model.predict(frame.head(50).astype("float32")), atol=1e-5)
    written = json.loads((slipway.folder / "models" / name / "1" / "conversion.json").read_text())
    assert written["flavor"] == "catboost" and written["packages"]["catboost"] == catboost.__version__


def test_columns_of_categories_are_refused_with_what_to_do(slipway, numbers):
    frame, labels, _ = numbers
    data = frame.assign(city=np.where(frame.f0 > 0, "Basel", "Bern"))
    model = catboost.CatBoostClassifier(iterations=5, verbose=False, allow_writing_files=False, cat_features=["city"])
    model.fit(data, labels[2]).save_model(str(slipway.folder / "model.cbm"))
    data.head(20).to_json(slipway.folder / "sample.json", orient="records")
    for flags in ((), ("--sample", "sample.json")):
        code, message = slipway.refused("model.cbm", *flags)
        assert code == "unsupported_model" and "encode them before the model" in message


def test_trees_of_catboost_have_no_smaller_form(slipway, numbers):
    frame, labels, _ = numbers
    model = catboost.CatBoostClassifier(iterations=5, verbose=False, allow_writing_files=False).fit(frame, labels[2])
    model.save_model(str(slipway.folder / "model.cbm"))
    code, message = slipway.refused("model.cbm", "--quantize", "int8")
    assert code == "no_effect" and "made of trees" in message
