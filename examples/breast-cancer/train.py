"""Trains a classifier, logs how well it does after every round, and registers it as the next version of breast-cancer.

Needs mlflow and scikit-learn, and MLFLOW_TRACKING_URI; prints the id of its run. The first version becomes the champion.
"""

import os

os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "breast-cancer"

data = load_breast_cancer(as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(data.data, data.target, random_state=0)
scaler = StandardScaler().fit(train_x)
classifier = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.0002, random_state=0)

mlflow.set_experiment(NAME)
with mlflow.start_run() as run:
    mlflow.log_params({"loss": "log_loss", "eta0": 0.0002})
    for step in range(8):
        classifier.partial_fit(scaler.transform(train_x), train_y, classes=[0, 1])
        chances = classifier.predict_proba(scaler.transform(test_x))
        mlflow.log_metric("log_loss", log_loss(test_y, chances), step=step)
    model = make_pipeline(scaler, classifier)
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(train_x, model.predict(train_x)),
        input_example=test_x.head(2),
        registered_model_name=NAME,
    )

if int(logged.registered_model_version) == 1:
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", 1)
print(run.info.run_id)
