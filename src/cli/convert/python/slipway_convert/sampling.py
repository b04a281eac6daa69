"""Rows to compare two models on, drawn where they would differ if they did. The same seed draws the same rows."""

import numpy as np

from .columns import NUMBERS, NUMPY
from .knowledge import known_columns

UNKNOWN_CATEGORY = "slipway-unknown"


def draw_rows(original, example, rows, seed):
    """
    Groups of rows by name. `typical` has to work with the original; the others are for models that take them: missing
    values, categories never seen, numbers far outside of what was trained on.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    known = known_columns(original.model, [column.name for column in original.columns])
    if example is not None:
        _learn(known, original.columns, example)
    typical = pd.DataFrame({column.name: _typical(column, known[column.name], rows, rng) for column in original.columns})
    groups = {"typical": typical, "extreme": _extreme(typical, original.columns, known, rng)}
    missing = _missing(typical, original.columns, rng)
    if missing is not None:
        groups["missing values"] = missing
    unknown = _unknown(typical, original.columns)
    if unknown is not None:
        groups["unknown categories"] = unknown
    return groups


def _learn(known, columns, example):
    """Ranges and categories of the input example, for what the model itself doesn't tell."""
    for column in columns:
        values = example[column.name].dropna().tolist()
        at = known[column.name]
        if column.kind == "string":
            at.categories = list(dict.fromkeys([*at.categories, *map(str, values)]))
        elif column.kind in ("double", "float", "long", "integer"):
            numbers = [float(value) for value in values]
            if numbers and not at.values and at.centre == 0.0 and at.scale == 1.0:
                at.centre = float(np.mean(numbers))
                at.scale = float(np.std(numbers)) or max(1.0, abs(at.centre))
            at.values += numbers


def _typical(column, known, rows, rng):
    if column.kind == "string":
        return rng.choice(np.asarray(known.categories or ["a", "b", ""], dtype=object), rows)
    if column.kind == "boolean":
        return rng.integers(0, 2, rows).astype(bool)
    drawn = _around(known, rows, rng)
    edges = _edges(column, known)
    at_edge = rng.random(rows) < 0.4
    drawn[at_edge] = rng.choice(edges, int(at_edge.sum()))
    return _as_kind(drawn, column.kind)


def _around(known, rows, rng):
    if len(known.values) > 1:
        low, high = min(known.values), max(known.values)
        margin = (high - low) * 0.2 + 1e-3
        return rng.uniform(low - margin, high + margin, rows)
    return rng.normal(known.centre, known.scale * 2, rows)


def _edges(column, known):
    """Where a model decides, and the numbers next to it on both sides; zero of both signs; one."""
    step = np.float32 if column.kind == "float" else np.float64
    values = np.asarray(known.values or [known.centre], dtype=step)
    return np.concatenate(
        [values, np.nextafter(values, step(np.inf)), np.nextafter(values, step(-np.inf)), np.array([0.0, -0.0, 1.0], dtype=step)]
    )


def _as_kind(values, kind):
    if kind in ("long", "integer"):
        bound = 2**31 - 1 if kind == "integer" else 2**53
        return np.clip(np.round(values), -bound, bound).astype(NUMPY[kind])
    return values.astype(NUMPY[kind])


def _extreme(typical, columns, known, rng):
    rows = typical.head(max(1, len(typical) // 8)).copy()
    for column in columns:
        if column.kind in ("double", "float", "long", "integer"):
            at = known[column.name]
            spread = max(at.scale, float(np.std(at.values)) if at.values else 0.0)
            far = rng.choice([-1e3, 1e3, -30.0, 30.0], len(rows)) * spread + at.centre
            rows[column.name] = _as_kind(np.where(rng.random(len(rows)) < 0.5, far, rows[column.name].astype(float)), column.kind)
    return rows


def _missing(typical, columns, rng):
    able = [column.name for column in columns if column.kind in ("double", "float")]
    if not able:
        return None
    rows = typical.head(max(2, len(typical) // 4)).copy()
    for name in able:
        rows.loc[rng.random(len(rows)) < 0.3, name] = np.nan
    rows.loc[rows.index[0], able] = np.nan
    return rows


def _unknown(typical, columns):
    strings = [column.name for column in columns if column.kind == "string"]
    if not strings:
        return None
    rows = typical.head(len(strings) + 1).copy()
    for index, name in enumerate(strings):
        rows.loc[rows.index[min(index, len(rows) - 1)], name] = UNKNOWN_CATEGORY
    return rows


def fitting(frame, columns, kinds):
    """Drawn rows as the converted model's inputs can hold them: what goes into FP32 is rounded to it."""
    rounded = frame.copy()
    for column in columns:
        if column.kind in NUMBERS and kinds.get(column.name) == np.float32:
            rounded[column.name] = frame[column.name].astype(np.float32).astype(NUMPY[column.kind])
    return rounded
