"""A model that answers whatever Python has, and the answers."""

import datetime

import mlflow.pyfunc
import numpy as np
import pandas as pd


def cell_table(rows):
    return pd.DataFrame({"list": [[1, 2]] * rows, "object": [{"k": 1, "t": "[1]"}] * rows, "number": np.arange(rows) * 0.5})


def missing_table(rows):
    return pd.DataFrame({"number": [np.nan] * rows, "text": [None] * (rows - 1) + ["x"], "n": pd.array([1] * (rows - 1) + [None], "Int64")})


def time_table(rows):
    return pd.DataFrame({"time": pd.to_datetime(["2024-01-02T03:04:05.5"] * (rows - 1) + [None]), "text": ["é"] * rows})


def but_last(value, rows):
    """The value a row, and none in the last of several."""
    return [value] if rows == 1 else [value] * (rows - 1) + [None]


def objects(value, rows):
    return pd.Series(but_last(value, rows), dtype=object)


# Each by the number of rows that are asked for.
ANSWERS = {
    "table": lambda rows: pd.DataFrame({"p": np.arange(rows) * 1.5, "q": ["x"] * rows, "b": [True] * rows}),
    "table-of-one-column": lambda rows: pd.DataFrame({"p": np.arange(rows, dtype="float32") / 3}),
    "table-of-numbered-columns": lambda rows: pd.DataFrame(np.ones((rows, 2))),
    "table-of-float16": lambda rows: pd.DataFrame({"p": np.arange(rows, dtype="float16") / 3}),
    "table-of-texts-like-json": lambda rows: pd.DataFrame({"q": ["[1, 2]", '{"a": 1}', "null", "1"][:rows]}),
    "table-with-cells": cell_table,
    "table-with-missing": missing_table,
    "table-with-times": time_table,
    "table-with-other-types": lambda rows: pd.DataFrame({"c": pd.Categorical(["a"] * rows), "s": pd.array(["a"] * rows, "string"), "f": pd.array([0.5] * rows, "Float64")}),
    "table-with-bytes": lambda rows: pd.DataFrame({"b": [b"\xff\x00"] * rows, "d": [{"b": b"\xfe"}] * rows}),
    "table-without-rows": lambda rows: pd.DataFrame({"p": np.zeros(0), "q": []}),
    "table-with-nulls": lambda rows: pd.DataFrame({"n": objects(1, rows), "flag": objects(True, rows), "m": pd.Series(but_last(7, rows)), "i": pd.Series(but_last(3, rows), dtype="Int64"), "x": objects(0.5, rows)}),
    "list-with-null": lambda rows: but_last(1, rows),
    "objects-with-null": lambda rows: [{"n": n, "flag": n and True} for n in but_last(2, rows)],
    "series": lambda rows: pd.Series(np.arange(rows)),
    "named-series": lambda rows: pd.Series(["a"] * rows, name="label"),
    "category": lambda rows: pd.Series(["a"] * rows, dtype="category"),
    "missing-integers": lambda rows: pd.Series([1] * (rows - 1) + [None], dtype="Int64"),
    "array": lambda rows: np.arange(rows, dtype="float32") / 3,
    "array-of-one-column": lambda rows: np.ones((rows, 1)),
    "matrix": lambda rows: np.arange(rows * 3).reshape(rows, 3),
    "cube": lambda rows: np.ones((rows, 2, 2), dtype="int32"),
    "scalar-array": lambda rows: np.array(3.5),
    "empty-array": lambda rows: np.zeros((0, 2)),
    "infinite": lambda rows: np.array([np.inf, -np.inf, np.nan, -0.0][:rows]),
    "text-array": lambda rows: np.array(["a", "bc"] * rows),
    "object-array": lambda rows: np.array(["a", None, 1, 2.5][:rows], dtype=object),
    "time-array": lambda rows: np.array(["2024-01-01"] * rows, dtype="datetime64[ns]"),
    "day-array": lambda rows: np.array(["2024-01-01"] * rows, dtype="datetime64[D]"),
    "texts": lambda rows: ["a", "[1]", "é", "\U0001f600"][:rows],
    "broken-text": lambda rows: ["\ud800"] * rows,
    "bytes": lambda rows: [b"\xff\x00"] * rows,
    "many-bytes": lambda rows: [bytes(range(200))] * rows,
    "flags": lambda rows: [True] * rows,
    "numbers": lambda rows: [0.5] * rows,
    "mixed": lambda rows: [1, 2.5, "a", None, True][:rows],
    "flags-and-numbers": lambda rows: [True, 2, 3.5][:rows],
    "large-integers": lambda rows: [2**60 + 1] * rows,
    "larger-integers": lambda rows: [2**63 + 1] + [1] * (rows - 1),
    "numpy-scalars": lambda rows: [np.float32(0.1)] * rows,
    "objects": lambda rows: [{"label": "x", "score": 0.5}] * rows,
    "objects-with-one-field": lambda rows: [{"score": 0.5}] * rows,
    "objects-in-objects": lambda rows: [{"a": {"b": [1, {"c": None}]}, "n": np.int64(3), "v": np.ones(2)}] * rows,
    "different-objects": lambda rows: [{"a": 1}, {"b": "x"}, {}][:rows],
    "not-a-number-in-objects": lambda rows: [{"score": float("nan")}] * rows,
    "lists": lambda rows: [[1, 2]] * rows,
    "lists-of-types": lambda rows: [[1, 2.5]] * rows,
    "ragged": lambda rows: [[1] * (row + 1) for row in range(rows)],
    "empty-lists": lambda rows: [[]] * rows,
    "empty-list": lambda rows: [],
    "deep-lists": lambda rows: [[[1.0, 2.0]]] * rows,
    "tuple": lambda rows: (np.arange(rows), np.arange(rows)),
    "times": lambda rows: [datetime.datetime(2024, 1, 1, 2, 3)] * rows,
    "dict": lambda rows: {"a": np.arange(rows), "b": np.ones((rows, 2))},
    "dict-of-lists": lambda rows: {"a": [0, 1], "b": [1.0, 2.0], "c": ["x"]},
    "dict-of-scalars": lambda rows: {"answer": "hi", "n": 3, "none": None, "flag": True},
    "dict-of-scalars-known": lambda rows: {"answer": "hi", "n": 3},
    "dict-of-dicts": lambda rows: {"x": {"k": [1]}},
    "dict-of-numbered": lambda rows: {0: np.arange(rows), 1: np.arange(rows)},
    "empty-dict": lambda rows: {},
    "text": lambda rows: "hello",
    "number": lambda rows: 3,
    "nothing": lambda rows: None,
}


class Answering(mlflow.pyfunc.PythonModel):
    """Answers of the kind that it is asked for, or that it was made for."""

    def __init__(self, kind=None):
        self.kind = kind

    def predict(self, context, model_input, params=None):
        return ANSWERS[self.kind or model_input["kind"].iloc[0]](len(model_input))
