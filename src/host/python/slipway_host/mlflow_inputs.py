"""Tensors as what an MLflow model takes: a table, an array, or arrays by name."""

import json

import numpy as np
import pandas as pd
from mlflow.types import DataType

from .failure import EngineError
from .mlflow_signature import INPUT_PREFIX, shown_name
from .tensors import NULL_SUFFIX


def to_arrays(tensors, schema):
    """What a model with a schema of tensors takes: arrays by name, or one array when its tensor has no name."""
    arrays = {tensor.name: _array(tensor) for tensor in tensors}
    if schema.has_input_names():
        return arrays
    return next(iter(arrays.values())) if len(arrays) == 1 else to_plain(tensors)


def to_plain(tensors):
    """What a model without a signature gets: one tensor as an array, several as the columns of a table."""
    plain = [tensor for tensor in tensors if not tensor.name.endswith(NULL_SUFFIX)]
    if len(plain) == 1 and len(tensors) == 1:
        return _array(plain[0])
    if any(not _is_column(tensor) for tensor in plain):
        return {tensor.name: _array(tensor) for tensor in plain}
    return to_frame(tensors, None)


def to_frame(tensors, schema):
    """A table of one column for each tensor; the schema, where there is one, says what BYTES stand for."""
    nulls = {t.name[: -len(NULL_SUFFIX)]: t.array().reshape(-1) for t in tensors if t.name.endswith(NULL_SUFFIX)}
    columns = [tensor for tensor in tensors if not tensor.name.endswith(NULL_SUFFIX)]
    named = schema is None or schema.has_input_names()
    if not named and len(columns) == 1 and len(columns[0].shape) == 2:
        return pd.DataFrame(_array(columns[0]))
    specs = {shown_name(spec): spec for spec in schema.inputs} if schema is not None and named else {}
    table = {}
    for tensor in columns:
        if not _is_column(tensor):
            shape = list(tensor.shape)
            raise EngineError("input", f"input '{tensor.name}' is a column: expected shape [-1,1] or [-1], got {shape}")
        spec = specs.get(tensor.name) if named else _numbered(tensor.name, schema)
        values = _column(tensor, None if spec is None else spec.type)
        name = tensor.name if spec is None or not named else spec.name
        table[name] = values if tensor.name not in nulls else _with_nulls(values, nulls[tensor.name])
    rows = {len(column) for column in table.values()}
    if len(rows) > 1:
        raise EngineError("input", f"the columns have different numbers of rows: {sorted(rows)}")
    return pd.DataFrame(table) if named else _unnamed(table)


def to_same_frame(names, arrays):
    """The table of numeric columns that are as the schema has them: what enforcing the schema would answer as well."""
    first = arrays[0]
    if all(array.dtype == first.dtype for array in arrays):
        # Why: one block in the order in which pandas itself lays it; made from a dict it would be copied together column by column.
        block = np.empty((len(arrays), first.size), dtype=first.dtype)
        for row, array in zip(block, arrays):
            row[:] = array
        return pd.DataFrame(block.T, columns=names, copy=False)
    return pd.DataFrame(dict(zip(names, arrays)))


def _is_column(tensor):
    return len(tensor.shape) == 1 or (len(tensor.shape) == 2 and tensor.shape[1] == 1)


def _array(tensor):
    if tensor.datatype != "BYTES":
        return tensor.array()
    texts = tensor.strings()
    return np.array(texts, dtype=object).reshape(tensor.shape)


def _column(tensor, kind):
    if tensor.datatype != "BYTES":
        return tensor.array().reshape(-1)
    if kind == DataType.binary:
        return pd.Series(list(tensor.array().reshape(-1)), dtype=object)
    texts = tensor.strings()
    if kind == DataType.datetime:
        return _times(texts, tensor.name)
    if kind is None or isinstance(kind, DataType):
        return pd.Series(texts) if texts else pd.Series(texts, dtype=object)
    return pd.Series([_parsed(text, tensor.name) for text in texts], dtype=object)


def _times(texts, name):
    try:
        return pd.Series(pd.to_datetime(texts, format="ISO8601"))
    except (ValueError, TypeError) as error:
        # Behind it are pandas' hints to who calls pandas.
        reason = str(error).partition(". You might")[0]
        raise EngineError("input", f"input '{name}' is a column of times, written as ISO 8601: {reason}") from error


def _parsed(text, name):
    try:
        return json.loads(text)
    except ValueError as error:
        raise EngineError("input", f"input '{name}' is a column of values written as JSON: {error}") from error


def _with_nulls(values, marks):
    if len(marks) != len(values):
        raise EngineError("input", "the marks of nulls have another number of rows than their column")
    if not marks.any():
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return np.where(marks, np.asarray(np.nan, dtype=values.dtype), values)
    # Why: pandas then chooses the type as it does for a table with these values in it.
    return pd.Series([None if null else value for value, null in zip(values.tolist(), marks.tolist())])


def _numbered(name, schema):
    number = name.removeprefix(INPUT_PREFIX)
    at = int(number) if number.isascii() and number.isdigit() else -1
    return schema.inputs[at] if 0 <= at < len(schema.inputs) else None


def _unnamed(table):
    """Columns without names are in the order of their numbers."""
    names = [f"{INPUT_PREFIX}{index}" for index in range(len(table))]
    if set(names) != set(table):
        raise EngineError("input", f"the columns of this model have no names; expected are {', '.join(names)}")
    return pd.DataFrame({index: table[name] for index, name in enumerate(names)})
