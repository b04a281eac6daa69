"""What an MLflow model answers, as tensors named after its signature where it has one."""

import numpy as np
import pandas as pd

from .failure import EngineError
from .mlflow_predictions import with_layout
from .mlflow_signature import OUTPUT_NAME
from .outputs import as_objects, fail, nullable_tensors, plain_tensor
from .tensors import NULL_SUFFIX


class Outputs:
    """
    Divides a prediction into tensors; `declared` are the outputs of the signature, none when there is none. Of those in
    `nested` an element may be a list or an object, which is written as JSON.
    """

    def __init__(self, declared, nested=frozenset()):
        self._declared = declared
        self._nested = nested
        self._names = [spec["name"] for spec in declared]

    def tensors(self, prediction, rows, wanted):
        tensors = self._tensors(self._named(prediction), rows, wanted)
        marks = [tensor for tensor in tensors if tensor.name.endswith(NULL_SUFFIX)]
        # A scoring server asks for all of it, and can write nulls.
        if not wanted:
            return with_layout([tensor for tensor in tensors if tensor not in marks], prediction, marks)
        if marks:
            raise fail(marks[0].name.removesuffix(NULL_SUFFIX), "has nulls, which its datatype can't hold")
        return tensors

    def _tensors(self, values, rows, wanted):
        if not self._declared:
            return [plain_tensor(name, value, rows) for name, value in values.items() if not wanted or name in wanted]
        missing = [name for name in self._names if name not in values]
        if missing:
            raise EngineError("model", f"the model answered {_listed(values)}; its signature declares {_listed(self._names)}")
        return [
            tensor
            for spec in self._declared
            if not wanted or spec["name"] in wanted
            for tensor in nullable_tensors(spec, values[spec["name"]], rows)
        ]

    def _named(self, prediction):
        if isinstance(prediction, pd.DataFrame):
            if self._is_one_tensor(prediction):
                return {self._names[0]: prediction.to_numpy()}
            names = self._column_names(prediction)
            return {name: self._column(name, prediction.iloc[:, at]) for at, name in enumerate(names)}
        if isinstance(prediction, dict):
            return {str(name): self._entry(str(name), value) for name, value in prediction.items()}
        records = self._records(prediction)
        if records is not None:
            return records
        if len(self._names) == 1:
            return {self._names[0]: self._rows(prediction)}
        value = _plain(prediction)
        if len(self._names) > 1 and getattr(value, "ndim", 0) == 2 and value.shape[1] == len(self._names):
            return {name: value[:, at : at + 1] for at, name in enumerate(self._names)}
        return {OUTPUT_NAME: value}

    def _column(self, name, series):
        return (as_objects(series.tolist()) if name in self._nested else _series(series)).reshape(-1, 1)

    def _entry(self, name, value):
        """A value of a dict: for MLflow a list is one element of a column of lists."""
        return as_objects([value]) if name in self._nested else _plain(value)

    def _rows(self, prediction):
        if self._names[0] not in self._nested:
            return _plain(prediction)
        if isinstance(prediction, (pd.Series, np.ndarray)):
            return as_objects(prediction.tolist())
        return as_objects(list(prediction) if isinstance(prediction, (list, tuple)) else [prediction])

    def _records(self, prediction):
        """The columns of a list of objects, each with a key for a declared output; None for anything else."""
        if not self._declared or not isinstance(prediction, list) or not prediction:
            return None
        rows = [row.model_dump() if hasattr(row, "model_dump") else row for row in prediction]
        if not all(isinstance(row, dict) for row in rows):
            return None
        known = {key for row in rows for key in row}
        if known.isdisjoint(self._names):
            return None
        columns = {}
        for spec in self._declared:
            name = spec["name"]
            values = [row.get(name) for row in rows]
            if spec["datatype"].startswith("FP"):
                values = [np.nan if value is None else value for value in values]
            columns[name] = (as_objects(values) if spec["datatype"] == "BYTES" else np.array(values)).reshape(-1, 1)
        return columns

    def _is_one_tensor(self, table):
        """Whether the signature declares a tensor of all the columns: MLflow's PyTorch answers a table with one, whatever is declared."""
        shapes = [spec["shape"] for spec in self._declared]
        return table.shape[1] > 1 and shapes in ([[-1, table.shape[1]]], [list(table.shape)])

    def _column_names(self, table):
        names = [str(name) for name in table.columns]
        # Columns of other names are taken in their order, as MLflow's signature without names is.
        return self._names if len(names) == len(self._names) and not set(self._names) <= set(names) else names


def _plain(value):
    if isinstance(value, pd.Series):
        return _series(value)
    if hasattr(value, "toarray"):
        return value.toarray()
    if isinstance(value, (list, tuple)) and _is_ragged(value):
        return as_objects(list(value))
    return value


def _is_ragged(values):
    """Whether lists have lists of several lengths in them, or of none, so that no array has their shape."""
    if not any(issubclass(kind, (list, tuple, np.ndarray)) for kind in set(map(type, values))):
        return False
    try:
        return np.asarray(values).dtype.kind == "O"
    except ValueError:
        return True


def _series(series):
    """Values with numpy's own types where pandas' are its own: its texts, nullable numbers, categories, times."""
    values = series.to_numpy()
    if values.dtype.kind != "O" or isinstance(series.dtype, np.dtype):
        return values
    if pd.api.types.is_float_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _listed(names):
    return ", ".join(f"'{name}'" for name in names) or "no outputs"
