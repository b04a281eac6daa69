"""A training script as users write them: LightGBM, its metrics logged by hand, its model moved through the stages."""

import sys
import uuid
import warnings

import lightgbm
import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

warnings.filterwarnings("ignore", category=FutureWarning)
MAJOR = int(mlflow.__version__.split(".")[0])
MODEL = f"wine-{uuid.uuid4().hex[:8]}"
x, y = load_wine(return_X_y=True, as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(x, y, random_state=0)

mlflow.set_experiment(f"train-lightgbm-{uuid.uuid4().hex[:8]}")
settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 7, "verbosity": -1, "seed": 1}
with mlflow.start_run() as run:
    mlflow.log_params(settings)
    history = {}
    booster = lightgbm.train(
        settings,
        lightgbm.Dataset(train_x, train_y),
        num_boost_round=10,
        valid_sets=[lightgbm.Dataset(test_x, test_y)],
        callbacks=[lightgbm.record_evaluation(history)],
    )
    for step, loss in enumerate(history["valid_0"]["multi_logloss"]):
        mlflow.log_metric("loss", loss, step=step)
    info = mlflow.lightgbm.log_model(
        booster,
        signature=infer_signature(test_x, booster.predict(test_x)),
        **({"name": "booster"} if MAJOR >= 3 else {"artifact_path": "booster"}),
    )

version = mlflow.register_model(info.model_uri, MODEL)
client = MlflowClient()
for stage in ("Staging", "Production"):
    client.transition_model_version_stage(MODEL, version.version, stage, archive_existing_versions=True)
losses = [point.value for point in client.get_metric_history(run.info.run_id, "loss")]
expected = booster.predict(test_x)
outcomes = {
    "stage": np.array_equal(mlflow.lightgbm.load_model(f"models:/{MODEL}/Production").predict(test_x), expected),
    "pyfunc": np.array_equal(mlflow.pyfunc.load_model(f"models:/{MODEL}/latest").predict(test_x), expected),
    "losses": losses == history["valid_0"]["multi_logloss"],
}
print(outcomes)
sys.exit(0 if all(outcomes.values()) else 1)
