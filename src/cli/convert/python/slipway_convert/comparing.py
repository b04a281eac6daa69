"""How far the answers of two models lie apart."""

import numpy as np

from .failure import Refused

PROBABILITIES = "probabilities"
LABEL = "label"


def compare(original, converted, tolerance):
    """
    Compares outputs by name. Numbers may differ by `tolerance`, relative to the original where it is above 1. Labels must
    be the same, except where the original's two best scores are closer than both could move by the tolerance: a tie.
    """
    rows = len(next(iter(original.values())))
    report = {"rows": rows, "maxAbsolute": 0.0, "maxRelative": 0.0, "beyond": 0, "worstRow": None}
    beyond = np.zeros(rows, dtype=bool)
    for name, expected in original.items():
        if name not in converted:
            raise Refused(f"the converted model has no output '{name}'; it has {', '.join(converted)}")
        if name != LABEL:
            beyond |= _compare_numbers(report, np.asarray(expected), np.asarray(converted[name]), tolerance)
    report["beyond"] = int(beyond.sum())
    if LABEL in original:
        _compare_labels(report, original, converted, tolerance)
    report["equal"] = report["beyond"] == 0 and report.get("labelsDiffer", 0) == 0
    return report


def _compare_numbers(report, expected, got, tolerance):
    expected = expected.reshape(len(expected), -1).astype(np.float64)
    got = got.reshape(len(got), -1).astype(np.float64)
    if expected.shape != got.shape:
        raise Refused(f"the converted model answers {list(got.shape)} where the original answers {list(expected.shape)}")
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(expected - got)
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    difference[same] = 0.0
    difference[np.isnan(difference)] = np.inf
    size = np.abs(expected)
    relative = np.divide(difference, size, out=np.zeros_like(difference), where=size > tolerance)
    beyond = (difference > tolerance * np.maximum(1.0, np.where(np.isfinite(size), size, 1.0))).any(axis=1)
    report["maxRelative"] = max(report["maxRelative"], _most(relative))
    if _most(difference) >= report["maxAbsolute"] and _most(difference) > 0:
        report["maxAbsolute"] = _most(difference)
        report["worstRow"] = int(np.unravel_index(np.argmax(difference), difference.shape)[0])
    return beyond


def _most(values):
    return float(values.max()) if values.size else 0.0


def _compare_labels(report, original, converted, tolerance):
    expected, got = np.asarray(original[LABEL]).ravel(), np.asarray(converted[LABEL]).ravel()
    agree = np.array([_same_label(left, right) for left, right in zip(expected, got, strict=True)], dtype=bool)
    ties = ~agree & _near_ties(original.get(PROBABILITIES), len(expected), tolerance)
    report["labelsAgree"] = int(agree.sum())
    report["ties"] = int(ties.sum())
    report["labelsDiffer"] = int((~agree & ~ties).sum())


def _same_label(left, right):
    return left == right or str(left) == str(right) or (_number(left) is not None and _number(left) == _number(right))


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _near_ties(scores, rows, tolerance):
    if scores is None:
        return np.zeros(rows, dtype=bool)
    scores = np.asarray(scores, dtype=np.float64).reshape(rows, -1)
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0]) <= tolerance
    best = np.sort(scores, axis=1)[:, -2:]
    return best[:, 1] - best[:, 0] <= 2 * tolerance


def joined(reports):
    """One report of several groups of rows."""
    total = {"rows": 0, "maxAbsolute": 0.0, "maxRelative": 0.0, "beyond": 0}
    for report in reports:
        total["rows"] += report["rows"]
        total["beyond"] += report["beyond"]
        total["maxAbsolute"] = max(total["maxAbsolute"], report["maxAbsolute"])
        total["maxRelative"] = max(total["maxRelative"], report["maxRelative"])
        for field in ("labelsAgree", "ties", "labelsDiffer"):
            if field in report:
                total[field] = total.get(field, 0) + report[field]
    total["equal"] = bool(reports) and all(report["equal"] for report in reports)
    return total
