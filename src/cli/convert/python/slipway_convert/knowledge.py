"""What a fitted model tells of its columns: their range, the values at which it decides, their categories."""

import json
from dataclasses import dataclass, field

import numpy as np

from .source_trees import lightgbm_trees

# Values kept a column; trees have many thousands of thresholds, and rows to try them are few.
VALUES_MAX = 512


@dataclass
class Known:
    centre: float = 0.0
    scale: float = 1.0
    values: list = field(default_factory=list)
    categories: list = field(default_factory=list)


def known_columns(model, names):
    """By column name. Estimators that hide what they know leave the defaults."""
    known = {name: Known() for name in names}
    try:
        _walk(model, list(names), known)
    except Exception:
        # What can't be looked into is sampled by the defaults.
        pass
    for each in known.values():
        each.values = sorted(set(each.values))
        if len(each.values) > VALUES_MAX:
            each.values = each.values[:: len(each.values) // VALUES_MAX + 1]
    return known


def string_columns(model, names):
    known = known_columns(model, names)
    return {name for name, each in known.items() if any(isinstance(value, str) for value in each.categories)}


def _walk(model, names, known):
    """Reads one estimator; answers the names of its outputs while they are still the columns, else None."""
    if hasattr(model, "steps"):
        at = names
        for _, step in model.steps:
            if at is None:
                return None
            at = _walk(step, at, known)
        return at
    if hasattr(model, "transformers_"):
        for _, transformer, columns in model.transformers_:
            if not isinstance(transformer, str):
                _walk(transformer, _selected(columns, names), known)
        return None
    if hasattr(model, "statistics_"):
        return names
    if hasattr(model, "categories_"):
        for name, categories in zip(names, model.categories_, strict=False):
            known[name].categories = [each for each in np.asarray(categories).tolist() if each == each and each is not None]
        return None
    _range(model, names, known)
    for column, threshold in thresholds(model):
        if column < len(names) and np.isfinite(threshold):
            known[names[column]].values.append(float(threshold))
    return None


def _selected(columns, names):
    if isinstance(columns, slice):
        return names[columns]
    chosen = np.asarray(columns)
    if chosen.dtype == np.bool_:
        return [name for name, kept in zip(names, chosen, strict=True) if kept]
    return [names[each] if isinstance(each, (int, np.integer)) else str(each) for each in np.atleast_1d(chosen).tolist()]


def _range(model, names, known):
    centres = getattr(model, "mean_", None)
    if centres is None:
        centres = getattr(model, "center_", None)
    scales = getattr(model, "scale_", None)
    low, high = getattr(model, "data_min_", None), getattr(model, "data_max_", None)
    if low is not None and high is not None:
        centres, scales = (low + high) / 2, (high - low) / 2
    for index, name in enumerate(names):
        if centres is not None and index < len(np.atleast_1d(centres)):
            known[name].centre = float(np.atleast_1d(centres)[index])
        if scales is not None and index < len(np.atleast_1d(scales)):
            known[name].scale = abs(float(np.atleast_1d(scales)[index])) or 1.0


def thresholds(model):
    """Pairs of a column's position and a value at which a tree divides it."""
    if hasattr(model, "get_booster"):
        model = model.get_booster()
    elif hasattr(model, "booster_"):
        model = model.booster_
    kind = type(model).__module__.split(".")[0]
    if kind == "xgboost":
        learner = json.loads(bytes(model.save_raw("json")))["learner"]
        for tree in learner["gradient_booster"].get("model", {}).get("trees", []):
            for left, column, value in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True):
                if left != -1:
                    yield column, value
    elif kind == "lightgbm":
        for tree in lightgbm_trees(model) or []:
            kept = tree.left >= 0
            yield from zip(tree.feature[kept].tolist(), tree.threshold[kept].tolist(), strict=True)
    elif kind == "catboost":
        for column, borders in model.get_borders().items():
            yield from ((column, border) for border in borders)
    elif kind == "sklearn":
        yield from _sklearn_nodes(model)


def _sklearn_nodes(model):
    for trees in np.ravel(np.asarray(getattr(model, "_predictors", []), dtype=object)):
        for node in trees.nodes:
            if not node["is_leaf"]:
                yield int(node["feature_idx"]), float(node["num_threshold"])
    parts = [model] if hasattr(model, "tree_") else np.ravel(np.asarray(getattr(model, "estimators_", []), dtype=object))
    for part in parts:
        tree = getattr(part, "tree_", None)
        if tree is not None:
            kept = tree.feature >= 0
            yield from zip(tree.feature[kept].tolist(), tree.threshold[kept].tolist(), strict=True)
