"""Saves the bench's pipeline where the first argument says, and prints how long its own predict takes, in ms."""

import json
import sys
import timeit

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(1)
data = pd.DataFrame({f"f{at}": random.normal(size=10_000) for at in range(4)})
model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=100, random_state=1))
model.fit(data, data.sum(axis=1) > 0)
mlflow.sklearn.save_model(
    model,
    sys.argv[1],
    signature=infer_signature(data, model.predict(data)),
    input_example=data.head(3),
    serialization_format="cloudpickle",
)


def own_ms(rows, count):
    table = data.iloc[:rows]
    return float(np.median(timeit.repeat(lambda: model.predict(table), number=1, repeat=count))) * 1000


print(json.dumps({"one": own_ms(1, 500), "batch": own_ms(64, 300), "table": own_ms(10_000, 100)}))
