"""The trees of a fitted model, node by node, as its library keeps them."""

from dataclasses import dataclass

import numpy as np


@dataclass
class SourceTree:
    """Node 0 is the root; a node with `left` of -1 is a leaf. x <= threshold goes left."""

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    #: Whether a missing value goes left.
    missing_left: np.ndarray
    #: Whether the library rounds a number to FP32 before it compares.
    rounds: bool


# LightGBM reads numbers no larger than this as zero (kZeroThreshold, an FP32).
ZERO = float(np.float32(1e-35))


def lightgbm_trees(booster):
    """None where a tree has splits by category. The text has every digit; dump_model() rounds."""
    trees = []
    for block in booster.model_to_string().split("\nTree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if int(fields["num_leaves"]) == 1:
            trees.append(_leaf())
            continue
        kinds = _integers(fields["decision_type"])
        if (kinds & 1).any():
            return None
        trees.append(_lightgbm_tree(fields, kinds))
    return trees


def _lightgbm_tree(fields, kinds):
    threshold = np.array(fields["threshold"].split(), dtype=np.float64)
    # Why: so that what is read as zero goes where zero goes.
    threshold = np.where((threshold >= 0) & (threshold < ZERO), ZERO, threshold)
    threshold = np.where((threshold < 0) & (threshold >= -ZERO), np.nextafter(-ZERO, -np.inf), threshold)
    missing = (kinds >> 2) & 3
    # Without a kind of missing value, LightGBM reads one as zero.
    missing_left = np.where(missing == 0, threshold >= 0, (kinds & 2) != 0)
    count = len(threshold)

    def child(name):
        at = _integers(fields[name])
        return np.where(at >= 0, at, count + ~at)

    leaves = int(fields["num_leaves"])
    end = np.full(leaves, -1)
    return SourceTree(
        feature=np.concatenate([_integers(fields["split_feature"]), end]),
        threshold=np.concatenate([threshold, np.zeros(leaves)]),
        left=np.concatenate([child("left_child"), end]),
        right=np.concatenate([child("right_child"), end]),
        missing_left=np.concatenate([missing_left, np.zeros(leaves, dtype=bool)]),
        rounds=False,
    )


def _leaf():
    one = np.array([-1])
    return SourceTree(one, np.zeros(1), one, one, np.zeros(1, dtype=bool), False)


def _integers(text):
    return np.array(text.split(), dtype=np.int64)


def parts_of(model):
    """The estimators within an estimator, itself first."""
    waiting, seen = [model], {}
    while waiting:
        at = waiting.pop()
        if at is None or isinstance(at, str) or id(at) in seen:
            continue
        seen[id(at)] = at
        waiting += np.ravel(np.asarray(getattr(at, "estimators_", []), dtype=object)).tolist()
        waiting += [step for _, step in getattr(at, "steps", [])]
        waiting += [transformer for _, transformer, _ in getattr(at, "transformers_", [])]
        waiting += [getattr(at, "final_estimator_", None), getattr(at, "best_estimator_", None)]
    return list(seen.values())


def tree_groups(model):
    """The trees of every tree model within an estimator, a list a model. Some converters make an ensemble of each tree."""
    groups = []
    for part in parts_of(model):
        members = np.ravel(np.asarray(getattr(part, "estimators_", []), dtype=object)).tolist()
        if hasattr(part, "_predictors"):
            groups.append([_histogram_tree(each.nodes) for each in np.ravel(np.asarray(part._predictors, dtype=object))])
        elif hasattr(part, "tree_"):
            groups.append([_sklearn_tree(part.tree_)])
        elif members and all(hasattr(member, "tree_") for member in members):
            groups.append([_sklearn_tree(member.tree_) for member in members])
        elif hasattr(part, "booster_") and type(part).__module__.startswith("lightgbm"):
            groups.append(lightgbm_trees(part.booster_) or [])
    return groups


def _histogram_tree(nodes):
    leaf = nodes["is_leaf"].astype(bool)
    return SourceTree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        rounds=False,
    )


def _sklearn_tree(tree):
    missing = getattr(tree, "missing_go_to_left", None)
    return SourceTree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=np.zeros(tree.node_count, dtype=bool) if missing is None else np.asarray(missing, dtype=bool),
        rounds=True,
    )
