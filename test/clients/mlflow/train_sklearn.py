"""A training script as users write them: scikit-learn, with a search over settings, a registered winner and an alias."""

import sys
import tempfile
import uuid
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MAJOR = int(mlflow.__version__.split(".")[0])
MODEL = f"breast-cancer-{uuid.uuid4().hex[:8]}"

data = load_breast_cancer(as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(data.data, data.target, random_state=0)

mlflow.set_experiment(f"train-sklearn-{uuid.uuid4().hex[:8]}")
name = {"name": "model"} if MAJOR >= 3 else {"artifact_path": "model"}
fitted = {}

with mlflow.start_run(run_name="search", description="a small search over settings") as parent:
    mlflow.log_input(mlflow.data.from_pandas(train_x.assign(target=train_y), targets="target", name="cancer"), context="training")
    for trees in (5, 20):
        with mlflow.start_run(run_name=f"trees-{trees}", nested=True) as child:
            mlflow.log_params({"trees": trees, "max_depth": 4, "scaler": "standard"})
            model = make_pipeline(StandardScaler(), RandomForestClassifier(trees, max_depth=4, random_state=0)).fit(train_x, train_y)
            for step in range(1, 6):
                part = slice(0, step * len(test_x) // 5)
                mlflow.log_metric("running_accuracy", accuracy_score(test_y[part], model.predict(test_x[part])), step=step)
            predicted = model.predict(test_x)
            mlflow.log_metrics({"accuracy": accuracy_score(test_y, predicted), "f1": f1_score(test_y, predicted)})
            mlflow.log_dict({"classes": data.target_names.tolist()}, "report/classes.json")
            mlflow.log_text("\n".join(map(str, predicted)), "report/predictions.txt")
            with tempfile.TemporaryDirectory() as folder:
                pd.DataFrame({"y": test_y, "predicted": predicted}).to_csv(Path(folder) / "test.csv")
                mlflow.log_artifacts(folder, "data")
            mlflow.sklearn.log_model(
                model,
                registered_model_name=MODEL,
                signature=infer_signature(test_x, predicted),
                input_example=test_x.head(3),
                serialization_format="cloudpickle",
                **name,
            )
            mlflow.set_tag("stage", "candidate")
        fitted[child.info.run_id] = model

client = MlflowClient()
runs = mlflow.search_runs(
    filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND metrics.accuracy > 0.5",
    order_by=["metrics.accuracy DESC"],
)
best = runs.iloc[0].run_id
[version] = client.search_model_versions(f"run_id = '{best}'")
client.set_registered_model_alias(MODEL, "champion", version.version)
client.update_model_version(MODEL, version.version, description=f"accuracy {runs.iloc[0]['metrics.accuracy']:.3f}")
client.set_model_version_tag(MODEL, version.version, "validated", "yes")

expected = fitted[best].predict(test_x)
outcomes = {
    reference: np.array_equal(mlflow.pyfunc.load_model(reference).predict(test_x), expected)
    for reference in (f"models:/{MODEL}@champion", f"models:/{MODEL}/{version.version}", f"runs:/{best}/model")
}
outcomes["history"] = len(client.get_metric_history(best, "running_accuracy")) == 5
outcomes["text"] = mlflow.artifacts.load_text(f"runs:/{best}/report/predictions.txt").count("\n") == len(test_x) - 1
print(outcomes)
sys.exit(0 if len(runs) == 2 and all(outcomes.values()) else 1)
