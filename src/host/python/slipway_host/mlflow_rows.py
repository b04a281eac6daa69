"""Whether what a model predicts for a row depends on that row alone, as far as its library can tell."""

import types

import numpy as np

_LIBRARIES = {"sklearn", "xgboost", "lightgbm", "catboost"}
_BOOSTERS = {"mlflow.xgboost", "mlflow.lightgbm", "mlflow.catboost"}
_METHODS = {"predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "decision_function", "transform"}

# Parameters hold no more than lists of pairs, as the steps of a pipeline; what is deeper is nobody's habit.
_DEPTH_MAX = 4


def is_row_wise(loader, model):
    """
    Trees that were boosted are, and what is built of nothing but classes of these libraries. A network may mix the rows
    that it gets, and so may code of the user's own anywhere within an estimator.
    """
    if loader in _BOOSTERS:
        return True
    method = model.metadata.flavors["python_function"].get("predict_fn", "predict")
    if loader != "mlflow.sklearn" or method not in _METHODS:
        return False
    estimator = getattr(model._model_impl, "sklearn_model", None)
    return estimator is not None and _is_known(estimator, 0) and _parameters_are_known(estimator)


def _parameters_are_known(estimator):
    try:
        parameters = estimator.get_params(deep=True)
    except Exception:
        # An estimator that can't tell its parameters is code of somebody's own.
        return False
    return all(_is_known(value, 0) for value in parameters.values())


def _is_known(value, depth):
    if value is None or isinstance(value, (str, bytes, int, float, np.generic, np.ndarray, np.ufunc, type, slice, range)):
        return True
    if isinstance(value, (list, tuple, set, dict)):
        items = value.values() if isinstance(value, dict) else value
        return depth < _DEPTH_MAX and all(_is_known(item, depth + 1) for item in items)
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return False
    return type(value).__module__.partition(".")[0] in (*_LIBRARIES, "numpy", "pandas")
