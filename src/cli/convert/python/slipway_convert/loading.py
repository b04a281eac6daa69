"""Reads the original model of a job. Everything here may run code that the model's files hold."""

import importlib
import os
import pickle
import sys

from .failure import Refused, first_line


def load_model(job):
    source, flavor, facts = job["source"], job["flavor"], job.get("facts") or {}
    _add_code(source, facts)
    path = _file(source, facts)
    try:
        return LOADERS[flavor](path, facts)
    except Refused:
        raise
    except ModuleNotFoundError as error:
        raise Refused(
            f"loading the model needs the Python package '{error.name}', which the interpreter lacks; "
            "install it there, or list it in the model's requirements.txt",
            "missing_package",
        ) from error
    except MemoryError as error:
        raise Refused("loading the model took more memory than --memory allows", "out_of_memory") from error
    except Exception as error:
        raise Refused(
            f"'{os.path.basename(path)}' can't be read as a model of {flavor}: {type(error).__name__}: {first_line(error)}; "
            "the versions of Python and of the library should be those it was saved with (--python)",
            "unreadable_model",
        ) from error


def _add_code(source, facts):
    code = facts.get("code")
    if code:
        sys.path.insert(0, os.path.join(source, code))


def _file(source, facts):
    """The model's file: the source itself, or what the flavor of an MLflow folder names, which must lie in the folder."""
    name = facts.get("pickled_model") or facts.get("data") or facts.get("model_data")
    if not os.path.isdir(source) or name is None:
        return source
    path = os.path.realpath(os.path.join(source, name))
    if not path.startswith(os.path.realpath(source) + os.sep):
        raise Refused(f"the MLmodel file names '{name}', which is outside of the model's folder", "unreadable_model")
    if not os.path.exists(path):
        raise Refused(f"the MLmodel file names '{name}', which is missing", "unreadable_model")
    return path


def _sklearn(path, facts):
    model_format = facts.get("serialization_format") or ""
    if path.endswith(".skops") or model_format == "skops":
        import skops.io

        return skops.io.load(path, trusted=list(facts.get("skops_trusted_types") or []))
    if model_format == "cloudpickle":
        import cloudpickle

        with open(path, "rb") as file:
            return cloudpickle.load(file)
    if path.endswith(".joblib"):
        import joblib

        return joblib.load(path)
    try:
        with open(path, "rb") as file:
            return pickle.load(file)
    except pickle.UnpicklingError:
        # Files of joblib are often called .pkl.
        import joblib

        return joblib.load(path)


def _class(dotted):
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _xgboost(path, facts):
    import json

    import xgboost

    model = _class(facts["model_class"])() if facts.get("model_class") else None
    if model is None:
        booster = xgboost.Booster()
        booster.load_model(path)
        kind = json.loads(booster.attr("scikit_learn") or "{}").get("_estimator_type")
        if kind not in ("classifier", "regressor"):
            return booster
        model = xgboost.XGBClassifier() if kind == "classifier" else xgboost.XGBRegressor()
    model.load_model(path)
    return model


def _lightgbm(path, facts):
    if path.endswith((".skops", ".pkl")):
        return _sklearn(path, facts)
    import lightgbm

    return lightgbm.Booster(model_file=path)


def _catboost(path, facts):
    import catboost

    kind = facts.get("model_type")
    if kind is None:
        model = catboost.CatBoost()
        model.load_model(path)
        loss = str(model.get_all_params().get("loss_function", ""))
        kind = "CatBoostClassifier" if loss in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll") else "CatBoostRegressor"
    model = getattr(catboost, kind)()
    model.load_model(path, format=facts.get("save_format") or "cbm")
    return model


def _pytorch(path, facts):
    import torch

    if os.path.isdir(path):
        path = os.path.join(path, "model.pth")
        if not os.path.exists(path):
            path = path.removesuffix("model.pth") + "model.pt2"
    if path.endswith(".pt2"):
        return torch.export.load(path)
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError:
        model = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(model, torch.nn.Module):
        raise Refused(
            f"'{os.path.basename(path)}' holds {type(model).__name__}, not a whole module; a file of weights alone says nothing of "
            "the network. Save torch.export.export(model, …) with torch.export.save, or torch.jit.script(model).save(…)",
            "unreadable_model",
        )
    return model.eval()


def _keras(path, facts):
    import keras

    if os.path.isdir(path):
        inner = os.path.join(path, "model.keras")
        if os.path.exists(inner):
            path = inner
        elif os.path.isdir(os.path.join(path, "model")):
            path = os.path.join(path, "model")
    if path.endswith((".keras", ".h5")):
        return keras.saving.load_model(path, safe_mode=False, compile=False)
    import tensorflow

    return tensorflow.saved_model.load(path)


LOADERS = {
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "pytorch": _pytorch,
    "tensorflow": _keras,
}
