"""Models over the columns of a table: what they are, what they answer, which columns they take."""

import numpy as np

from .columns import Column, columns_of_frame, columns_of_signature
from .comparing import LABEL, PROBABILITIES
from .failure import Refused

VALUE = "value"
SCORES = "scores"


class Tabular:
    """A fitted estimator of scikit-learn's kind (scikit-learn, XGBoost's and LightGBM's wrappers, CatBoost)."""

    def __init__(self, model, flavor, columns, named):
        self.model = model
        self.flavor = flavor
        self.columns = columns
        self.named = named
        self.kind = _kind_of(model)
        self.classes = _classes(model) if self.kind == "classifier" else None

    def _matrix(self, frame):
        return frame if self.named else frame.to_numpy()

    def predict(self, frame):
        x = self._matrix(frame)
        if self.kind == "transformer":
            return {VALUE: _dense(self.model.transform(x))}
        label = np.asarray(self.model.predict(x))
        if self.kind == "regressor":
            return {VALUE: label}
        if self.kind == "classifier":
            return {LABEL: label, **self._scores_of_classes(x)}
        if self.kind == "outliers":
            return {LABEL: label, SCORES: np.asarray(self.model.decision_function(x))}
        return {LABEL: label}

    def _scores_of_classes(self, x):
        if hasattr(self.model, "predict_proba"):
            scores = self.model.predict_proba(x)
            if isinstance(scores, list):
                raise Refused(
                    "a classifier of several targets at once has no ONNX form that clients read; save one model a target",
                    "unsupported_model",
                )
            return {PROBABILITIES: np.asarray(scores)}
        return {PROBABILITIES: np.asarray(self.model.decision_function(x))}


class BoosterOfXgboost:
    """A Booster, which answers what its objective says."""

    def __init__(self, booster, columns, named):
        import json

        self.model = booster
        self.flavor = "xgboost"
        self.columns = columns
        self.named = named
        self.objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
        self.kind = "classifier" if self.objective in ("binary:logistic", "multi:softprob", "multi:softmax") else "regressor"
        self.classes = None

    def predict(self, frame):
        import xgboost

        names = self.model.feature_names
        data = xgboost.DMatrix(frame.to_numpy(), feature_names=names)
        return _of_raw(self.model.predict(data), self.kind, self.objective == "multi:softmax")


class BoosterOfLightgbm:
    def __init__(self, booster, columns, named):
        self.model = booster
        self.flavor = "lightgbm"
        self.columns = columns
        self.named = named
        self.objective = str(booster.dump_model(num_iteration=1).get("objective", "")).split(" ")[0]
        self.kind = "classifier" if self.objective in ("binary", "multiclass", "multiclassova") else "regressor"
        self.classes = None

    def predict(self, frame):
        return _of_raw(self.model.predict(frame.to_numpy()), self.kind, False)


def _of_raw(scores, kind, labels_only):
    scores = np.asarray(scores)
    if kind == "regressor":
        return {VALUE: scores}
    if labels_only:
        return {LABEL: scores.astype(np.int64)}
    if scores.ndim == 1:
        scores = np.column_stack([1 - scores, scores])
        return {LABEL: (scores[:, 1] > 0.5).astype(np.int64), PROBABILITIES: scores}
    return {LABEL: scores.argmax(axis=1), PROBABILITIES: scores}


def _dense(values):
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)


def _kind_of(model):
    kind = getattr(model, "_estimator_type", None)
    if kind is None and hasattr(model, "__sklearn_tags__"):
        try:
            kind = model.__sklearn_tags__().estimator_type
        except Exception:
            kind = None
    if kind in ("classifier", "regressor"):
        return kind
    if kind == "outlier_detector":
        return "outliers"
    if kind == "clusterer":
        return "clusters"
    if hasattr(model, "predict_proba"):
        return "classifier"
    if hasattr(model, "predict"):
        return "regressor"
    if hasattr(model, "transform"):
        return "transformer"
    raise Refused(
        f"{type(model).__name__} neither predicts nor transforms; save the fitted estimator or the pipeline itself",
        "unsupported_model",
    )


def _classes(model):
    classes = getattr(model, "classes_", None)
    return None if classes is None else np.asarray(classes).tolist()


def open_tabular(job, model, sample):
    """The original over its columns: those of the signature, else of the sample, else as the estimator knows them."""
    flavor = job["flavor"]
    if flavor == "sklearn" and not hasattr(model, "fit"):
        raise Refused(
            f"the file holds {type(model).__name__}, which is no estimator of scikit-learn; save the fitted estimator or pipeline",
            "unsupported_model",
        )
    known = _feature_names(model)
    columns = columns_of_signature(job.get("signature"))
    if columns is None and sample is not None:
        names = known if known is not None and set(known) <= set(map(str, sample.columns)) else None
        label = job.get("label")
        columns = columns_of_frame(sample.drop(columns=[label]) if label in sample.columns else sample, names)
        wanted = _feature_count(model) if known is None else len(known)
        if wanted is not None and wanted != len(columns):
            raise Refused(
                f"the sample has {len(columns)} columns beside the label, the model takes {wanted}; name the label with --label",
                "wrong_sample",
            )
    if columns is None:
        columns = _own_columns(model, known)
    named = known is not None and flavor in ("sklearn", "lightgbm")
    if flavor == "xgboost" and type(model).__name__ == "Booster":
        return BoosterOfXgboost(model, columns, named)
    if flavor == "lightgbm" and type(model).__name__ == "Booster":
        return BoosterOfLightgbm(model, columns, named)
    return Tabular(model, flavor, columns, named)


def _feature_names(model):
    for name in ("feature_names_in_", "feature_names_", "feature_names", "feature_name_"):
        names = getattr(model, name, None)
        if callable(names) or names is None:
            continue
        if len(names) > 0:
            return [str(each) for each in names]
    named = getattr(model, "feature_name", None)
    return list(named()) if callable(named) else None


def _own_columns(model, known):
    from .knowledge import string_columns

    count = _feature_count(model) if known is None else len(known)
    if count is None:
        raise Refused("the model doesn't tell how many columns it takes; give rows of them with --sample", "no_columns")
    names = known or [f"f{index}" for index in range(count)]
    strings = string_columns(model, names)
    return [Column(name, "string" if name in strings else "double") for name in names]


def _feature_count(model):
    for attribute in ("n_features_in_", "n_features_"):
        count = getattr(model, attribute, None)
        # CatBoost says 0 of a model that it read from a file.
        if isinstance(count, (int, np.integer)) and count > 0:
            return int(count)
    for method in ("num_features", "num_feature"):
        count = getattr(model, method, None)
        if callable(count):
            return int(count())
    return None
