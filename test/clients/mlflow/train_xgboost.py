"""A training script as users write them: XGBoost with autologging."""

import sys
import uuid

import mlflow
import numpy as np
import xgboost
from mlflow import MlflowClient
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

MODEL = f"diabetes-{uuid.uuid4().hex[:8]}"
x, y = load_diabetes(return_X_y=True, as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(x, y, random_state=0)
train, test = xgboost.DMatrix(train_x, train_y), xgboost.DMatrix(test_x, test_y)

mlflow.set_experiment(f"train-xgboost-{uuid.uuid4().hex[:8]}")
mlflow.xgboost.autolog(registered_model_name=MODEL)
with mlflow.start_run() as run:
    booster = xgboost.train(
        {"objective": "reg:squarederror", "max_depth": 3, "eta": 0.2}, train, num_boost_round=12, evals=[(test, "test")], verbose_eval=False
    )

client = MlflowClient()
client.set_registered_model_alias(MODEL, "champion", "1")
data = client.get_run(run.info.run_id).data
loaded = mlflow.xgboost.load_model(f"models:/{MODEL}@champion")
outcomes = {
    "predictions": np.array_equal(loaded.predict(test), booster.predict(test)),
    "pyfunc": np.allclose(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(test_x), booster.predict(test)),
    "params": data.params["max_depth"] == "3",
    "history": len(client.get_metric_history(run.info.run_id, "test-rmse")) == 12,
    "importance": any(item.path.startswith("feature_importance") for item in client.list_artifacts(run.info.run_id)),
}
print(outcomes)
sys.exit(0 if all(outcomes.values()) else 1)
