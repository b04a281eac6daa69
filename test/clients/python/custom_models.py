"""Models of MLflow's python_function with code of their own."""

from typing import Optional

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pydantic


def centred(rows):
    """Mixes the rows that it is given together."""
    return rows - np.asarray(rows).mean(axis=0)


class Table(mlflow.pyfunc.PythonModel):
    """A table of numbers, text and times."""

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({
            "total": model_input["amount"] * model_input["count"],
            "label": ["big" if amount > 10 else "small" for amount in model_input["amount"]],
            "kept": model_input["amount"].gt(0),
        })


class Centred(mlflow.pyfunc.PythonModel):
    """Answers with how many rows came together, too."""

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({"y": centred(model_input["x"]), "rows": np.full(len(model_input), len(model_input))})


class Scaled(mlflow.pyfunc.PythonModel):
    """Answers with what it is given as parameters."""

    def predict(self, context, model_input, params=None):
        return model_input["x"] * params["factor"] + (1000 if params["mode"] == "loud" else 0)


class Named(mlflow.pyfunc.PythonModel):
    """Arrays by name, in and out."""

    def predict(self, context, model_input, params=None):
        return {"sum": model_input["a"] + model_input["b"], "shape": np.full(len(model_input["a"]), model_input["b"].shape[1])}


class Seen(mlflow.pyfunc.PythonModel):
    """Tells the types and values that it sees."""

    def predict(self, context, model_input, params=None):
        return [f"{model_input[name].dtype} {model_input[name].tolist()!r}" for name in model_input.columns]


class Wrong(mlflow.pyfunc.PythonModel):
    """Answers text where its signature has numbers, when it is told to."""

    def predict(self, context, model_input, params=None):
        if model_input["x"].iloc[0] < 0:
            raise mlflow.MlflowException("the model itself gave up")
        return ["text"] if model_input["x"].iloc[0] == 1 else model_input["x"]


class Shown(mlflow.pyfunc.PythonModel):
    """Tells what reached it, with types and values."""

    def predict(self, context, model_input, params=None):
        return [shown(model_input), shown(params)]


class Texts(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:
        return [shown(value) for value in model_input]


class Scores(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[dict[str, float]]) -> list[str]:
        return [shown(value) for value in model_input]


class Message(pydantic.BaseModel):
    role: str
    turn: Optional[int] = None


class Messages(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[Message]) -> list[str]:
        return [repr(value) for value in model_input]


def shown(value):
    if isinstance(value, pd.DataFrame):
        return f"table of {[(name, str(kind)) for name, kind in value.dtypes.items()]}: {[shown(row) for row in value.to_numpy().tolist()]}"
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype} {value.shape}: {value.tolist()}"
    if isinstance(value, dict):
        return f"dict {{{', '.join(f'{key}: {shown(value[key])}' for key in sorted(value))}}}"
    if isinstance(value, list):
        return f"list [{', '.join(map(shown, value))}]"
    return repr(value)
