import json
import os
import pickle

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

ROWS = 600
COLUMNS = [f"f{index}" for index in range(5)]


@pytest.fixture(scope="module")
def numbers():
    """Numbers with gaps, what is to be told of them, and a value."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=ROWS) * (index + 1) for index, name in enumerate(COLUMNS)})
    values = frame.f0 * 3 + frame.f1
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    return frame, (frame.f0.fillna(0) + frame.f1.fillna(0) * frame.f2.fillna(0) > 0).astype(int), values


@pytest.fixture(scope="module")
def cards():
    """Card transactions: amounts, ages and texts."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, ROWS),
            "age": rng.integers(18, 90, ROWS),
            "country": rng.choice(["de", "fr", "us"], ROWS),
            "channel": rng.choice(["web", "app"], ROWS),
        }
    )
    return frame, ((frame.amount > 25) & (frame.country != "us") | (frame.age > 70)).astype(int)


def tensor_of(frame, datatype="FP32"):
    """A request's input of all columns; JSON has a word for a missing number here."""
    data = [float(value) for value in frame.to_numpy().ravel()]
    return [{"name": "features", "datatype": datatype, "shape": list(frame.shape), "data": data}]


def columns_of(frame):
    kinds = {"f": "FP64", "i": "INT64"}
    return [
        {
            "name": column,
            "datatype": kinds.get(getattr(frame[column].dtype, "kind", "O"), "BYTES"),
            "shape": [len(frame), 1],
            "data": frame[column].tolist(),
        }
        for column in frame.columns
    ]


def probabilities(answer, classes=2):
    return np.array(answer["probabilities"]["data"]).reshape(-1, classes)


def test_a_pipeline_over_numbers_and_texts_takes_an_input_a_column(slipway, name, cards):
    frame, fraud = cards
    numbers, texts = ["amount", "age"], ["country", "channel"]
    parts = ColumnTransformer([("n", StandardScaler(), numbers), ("t", OneHotEncoder(handle_unknown="ignore"), texts)])
    model = make_pipeline(parts, RandomForestClassifier(20, max_depth=6, random_state=0)).fit(frame, fraud)
    joblib.dump(model, slipway.folder / "cards.joblib")
    frame.assign(fraud=fraud).to_csv(slipway.folder / "sample.csv", index=False)
    report = slipway.converted("cards.joblib", "--name", name, "--sample", "sample.csv", "--label", "fraud", "--deploy")
    assert report["total"]["labelsAgree"] == ROWS and report["total"]["beyond"] == 0
    assert report["metric"]["value"] == report["metric"]["original"] == pytest.approx((model.predict(frame) == fraud).mean())
    assert [each["name"] for each in report["signature"]["inputs"]] == ["amount", "age", "country", "channel"]
    answer = slipway.infer(name, columns_of(frame.head(40)))
    np.testing.assert_allclose(probabilities(answer), model.predict_proba(frame.head(40)), atol=1e-6)
    assert answer["label"]["data"] == model.predict(frame.head(40)).tolist()
    done = slipway.run("predict", name, "--input", "sample.csv", "--limit", 5, "--json")
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == model.predict(frame.head(5)).tolist()


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_xgboost_classifies_missing_values_too(slipway, name, numbers, ending):
    frame, label, _ = numbers
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=4).fit(frame, label)
    model.save_model(slipway.folder / f"model.{ending}")
    report = slipway.converted(f"model.{ending}", "--name", name, "--deploy")
    assert {group["name"] for group in report["groups"]} == {"typical", "extreme", "missing values"}
    assert report["total"]["labelsDiffer"] == 0
    answer = slipway.infer(name, tensor_of(frame.head(50)))
    np.testing.assert_allclose(probabilities(answer), model.predict_proba(frame.head(50)), atol=1e-6)


def test_xgboost_regresses(slipway, name, numbers):
    frame, _, values = numbers
    model = xgboost.XGBRegressor(n_estimators=20, max_depth=4).fit(frame, values)
    model.save_model(slipway.folder / "model.json")
    slipway.converted("model.json", "--name", name, "--deploy")
    answer = slipway.infer(name, tensor_of(frame.head(50)))
    np.testing.assert_allclose(answer["value"]["data"], model.predict(frame.head(50)), atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_lightgbm_is_exact_at_its_thresholds(slipway, name, numbers, classes):
    frame, label, values = numbers
    labels = label if classes == 2 else np.digitize(values, [-2, 2])
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(frame, labels)
    model.booster_.save_model(slipway.folder / "model.txt")
    report = slipway.converted("model.txt", "--name", name, "--deploy")
    assert report["total"]["maxAbsolute"] < 1e-6 and report["inputs"] == "one tensor of FP64"
    tree = model.booster_.trees_to_dataframe().dropna(subset=["threshold"])
    edges = frame.head(len(tree[tree.split_feature == "f0"])).copy()
    edges["f0"] = tree[tree.split_feature == "f0"].threshold.to_numpy()[: len(edges)]
    answer = slipway.infer(name, tensor_of(edges, "FP64"))
    np.testing.assert_allclose(probabilities(answer, classes), model.predict_proba(edges), atol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [HistGradientBoostingClassifier(max_iter=20), RandomForestClassifier(20, random_state=0), LogisticRegression()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_scikit_learn_s_doubles_stay_doubles(slipway, name, numbers, estimator):
    frame, label, _ = numbers
    if isinstance(estimator, LogisticRegression):
        frame = frame.fillna(0)
    model = estimator.fit(frame.to_numpy(), label)
    with open(slipway.folder / "model.pkl", "wb") as file:
        pickle.dump(model, file)
    report = slipway.converted("model.pkl", "--name", name, "--deploy")
    assert report["signature"]["inputs"] == [{"name": "features", "type": "DOUBLE", "shape": [-1, 5]}]
    answer = slipway.infer(name, tensor_of(frame.head(50), "FP64"))
    np.testing.assert_allclose(probabilities(answer), model.predict_proba(frame.head(50).to_numpy()), atol=1e-6)


def test_a_booster_within_a_pipeline(slipway, numbers):
    frame, label, _ = numbers
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)).fit(frame.to_numpy(), label)
    joblib.dump(model, slipway.folder / "model.joblib")
    assert slipway.converted("model.joblib")["total"]["maxAbsolute"] < 1e-6


def test_a_folder_deploys_as_it_is_and_the_next_conversion_is_its_next_version(slipway, name, numbers):
    frame, _, values = numbers
    model = GradientBoostingRegressor(n_estimators=10).fit(frame.fillna(0).to_numpy(), values)
    joblib.dump(model, slipway.folder / "model.joblib")
    reports = [slipway.converted("model.joblib", "--name", name) for _ in range(2)]
    assert [(report["version"], report["fromCache"]) for report in reports] == [(1, False), (2, True)]
    assert reports[0]["modelSha256"] == reports[1]["modelSha256"]
    report = json.loads((slipway.folder / "models" / name / "2" / "conversion.json").read_text())
    assert report["estimator"] == "GradientBoostingRegressor" and len(report["modelSha256"]) == 64
    assert report["packages"]["skl2onnx"] and report["opsets"]
    done = slipway.run("deploy", "models")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(f"{name} version 1 is ready")
    answer = slipway.infer(name, tensor_of(frame.fillna(0).head(5), "FP64"))
    np.testing.assert_allclose(answer["value"]["data"], model.predict(frame.fillna(0).head(5).to_numpy()), rtol=1e-5)


@pytest.mark.parametrize("how, smaller, off", [("int8", 0.6, 0.2), ("fp16", 0.75, 0.01)])
def test_a_smaller_form_tells_what_it_costs_and_gains(slipway, numbers, how, smaller, off):
    frame, label, _ = numbers
    full = frame.fillna(0)
    model = make_pipeline(StandardScaler(), MLPClassifier((64, 64), max_iter=50, random_state=0)).fit(full, label)
    joblib.dump(model, slipway.folder / "net.joblib")
    full.assign(label=label).to_parquet(slipway.folder / "sample.parquet")
    sample = ("--sample", "sample.parquet", "--label", "label")
    report = slipway.converted("net.joblib", "--quantize", how, "--agreement", "0.9", *sample)
    before, after = report["quantized"]["before"], report["quantized"]["after"]
    for measured in (before, after):
        told = [measured["oneRowMs"], measured["batchMs"], measured["total"]["maxAbsolute"], measured["metric"]["value"]]
        assert np.isfinite(told).all()
        assert measured["oneRowMs"] > 0 and measured["batchMs"] > 0 and measured["batchRows"] == 256
    assert after["bytes"] < smaller * before["bytes"]
    assert before["total"]["labelsAgree"] == ROWS
    assert before["total"]["maxAbsolute"] < after["total"]["maxAbsolute"] < off
    assert before["metric"]["value"] == pytest.approx((model.predict(full) == label).mean())
    assert abs(after["metric"]["value"] - before["metric"]["value"]) <= 0.02
    if how == "int8":
        assert any("Integer" in operator for operator in report["operators"])
    kept = slipway.folder / "models" / "net" / "1"
    assert (kept / "model.onnx").stat().st_size == after["bytes"]
    assert json.loads((kept / "conversion.json").read_text())["quantized"] == report["quantized"]


@pytest.mark.parametrize("how", ["int8", "fp16"])
def test_trees_have_no_smaller_form(slipway, numbers, how):
    frame, label, _ = numbers
    joblib.dump(RandomForestClassifier(5).fit(frame.fillna(0).to_numpy(), label), slipway.folder / "model.joblib")
    code, message = slipway.refused("model.joblib", "--quantize", how)
    assert code == "no_effect" and "made of trees" in message


class Hostile:
    """Tells by a file what the code of a pickle could see."""

    def __reduce__(self):
        script = "import os; open('seen.txt', 'w').write(repr((dict(os.environ), os.getcwd()))); os.replace('seen.txt', {!r})"
        return exec, (script.format(os.path.join(os.getcwd(), "seen.txt")),)


def test_the_code_of_a_pickle_sees_no_secrets_and_runs_in_a_folder_of_its_own(slipway, monkeypatch):
    monkeypatch.chdir(slipway.folder)
    (slipway.folder / "evil.pkl").write_bytes(pickle.dumps(Hostile()))
    code, message = slipway.refused("evil.pkl", environment={"SLIPWAY_KEY": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret"})
    assert code == "unsupported_model" and "NoneType" in message
    environment, folder = eval((slipway.folder / "seen.txt").read_text())
    assert "s3cret" not in str(environment) and "SLIPWAY_SERVER" not in environment
    assert environment["HOME"] == folder != str(slipway.folder)
    assert not os.path.exists(folder)


class Greedy:
    def __reduce__(self):
        return eval, ("bytearray(3 * 1024 ** 3)",)


class Endless:
    def __reduce__(self):
        return exec, ("while True: pass",)


class Deadly:
    def __reduce__(self):
        return exec, ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",)


@pytest.mark.parametrize(
    ("value", "flags", "code", "reason"),
    [
        (Greedy(), ("--memory", "1GiB"), "out_of_memory", "more memory than --memory allows"),
        (Endless(), ("--timeout", "8s"), "conversion_failed", "it took longer than 8 s; --timeout gives it more"),
        (Deadly(), (), "conversion_failed", "ended by SIGSEGV"),
        ({"weights": [1, 2]}, (), "unsupported_model", "holds dict, which is no estimator of scikit-learn"),
    ],
    ids=["greedy", "endless", "deadly", "no model"],
)
def test_a_pickle_that_misbehaves_ends_the_conversion_alone(slipway, value, flags, code, reason):
    (slipway.folder / "model.pkl").write_bytes(pickle.dumps(value))
    got, message = slipway.refused("model.pkl", *flags)
    assert got == code and reason in message


def test_what_can_t_be_converted_is_refused_with_what_to_do(slipway, numbers):
    frame, label, values = numbers
    full = frame.fillna(0).to_numpy()
    joblib.dump(make_pipeline(FunctionTransformer(np.sign), LogisticRegression()).fit(full, label), slipway.folder / "function.joblib")
    code, message = slipway.refused("function.joblib")
    assert code == "unsupported_model" and "Serve it as a Python model instead" in message
    joblib.dump(LogisticRegression().fit(full, label), slipway.folder / "model.joblib")
    assert "can't be read as a model of xgboost" in slipway.refused("model.joblib", "--flavor", "xgboost")[1]
    assert "there is no file or folder 'gone.joblib'" in slipway.refused("gone.joblib")[1]
    pd.DataFrame({"other": [1, 2]}).to_csv(slipway.folder / "wrong.csv", index=False)
    code, message = slipway.refused("model.joblib", "--sample", "wrong.csv")
    assert code in ("wrong_sample", "not_equal") and message
    (slipway.folder / "cut.joblib").write_bytes((slipway.folder / "model.joblib").read_bytes()[:200])
    assert slipway.refused("cut.joblib")[0] == "unreadable_model"


def test_a_difference_beyond_the_tolerance_keeps_nothing(slipway, numbers):
    frame, _, values = numbers
    full = frame.fillna(0).to_numpy()[:100]
    model = GaussianProcessRegressor(alpha=1e-9, random_state=0).fit(full, values[:100])
    joblib.dump(model, slipway.folder / "model.joblib")
    code, message = slipway.refused("model.joblib", "--tolerance", "1e-15")
    assert code == "not_equal" and "Nothing was kept" in message
