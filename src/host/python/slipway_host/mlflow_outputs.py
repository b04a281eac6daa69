"""What an MLflow model answers, as tensors named after its signature where it has one."""

import numpy as np
import pandas as pd

from .failure import EngineError
from .mlflow_signature import OUTPUT_NAME
from .outputs import declared_tensor, plain_tensor


class Outputs:
    """Divides a prediction into tensors; `declared` are the outputs of the signature, none when there is none."""

    def __init__(self, declared):
        self._declared = declared
        self._names = [spec["name"] for spec in declared]

    def tensors(self, prediction, rows, wanted):
        values = self._named(prediction)
        if not self._declared:
            return [plain_tensor(name, value, rows) for name, value in values.items() if not wanted or name in wanted]
        missing = [name for name in self._names if name not in values]
        if missing:
            raise EngineError("model", f"the model answered {_listed(values)}; its signature declares {_listed(self._names)}")
        return [
            declared_tensor(spec, values[spec["name"]], rows)
            for spec in self._declared
            if not wanted or spec["name"] in wanted
        ]

    def _named(self, prediction):
        if isinstance(prediction, pd.DataFrame):
            if self._is_one_tensor(prediction):
                return {self._names[0]: prediction.to_numpy()}
            columns = [_series(prediction.iloc[:, at]).reshape(-1, 1) for at in range(prediction.shape[1])]
            return dict(zip(self._column_names(prediction), columns))
        if isinstance(prediction, dict):
            return {str(name): _plain(value) for name, value in prediction.items()}
        value = _plain(prediction)
        if len(self._names) == 1:
            return {self._names[0]: value}
        if len(self._names) > 1 and getattr(value, "ndim", 0) == 2 and value.shape[1] == len(self._names):
            return {name: value[:, at : at + 1] for at, name in enumerate(self._names)}
        return {OUTPUT_NAME: value}

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
    return value


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
