"""
What MLflow's scoring server would write of a prediction, beside the tensors of it: how they are laid out where they
hold all of it, or else the JSON itself. See src/serving/predictions.ts.
"""

from itertools import chain

import numpy as np
import pandas as pd
from mlflow.utils.proto_json_utils import NumpyEncoder

from .outputs import as_objects
from .tensors import datatype_of, tensor_of

# The last tensor of an answer whose layout is "json"; no output of a model is named so.
JSON_NAME = "\0predictions"

# Names travel in the head of a frame, each behind its length in 16 bits and counted in as many.
_NAMES_MAX = 10_000
_NAME_CHARACTERS_MAX = 10_000

_ENCODER = NumpyEncoder()

_DATATYPES = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}


class Answer(list):
    """The tensors of a prediction; `layout` is a form and the names that go with it, nothing for that of any engine."""

    layout = ()


def with_layout(tensors, prediction, marks):
    """`marks` tell where the tensors lack a value that the prediction doesn't have."""
    layout = None if marks else _layout(prediction, tensors)
    answer = Answer(tensors)
    if layout is not None:
        answer.layout = layout
        return answer
    written = _json(prediction, tensors)
    if written is not None:
        answer.append(written)
    answer.extend(marks)
    if len(answer) > len(tensors):
        answer.layout = ("json",)
    return answer


def _layout(prediction, tensors):
    if isinstance(prediction, pd.Series):
        prediction = pd.DataFrame(prediction)
    if isinstance(prediction, pd.DataFrame):
        return _table_layout(prediction, tensors)
    if isinstance(prediction, dict):
        return _dict_layout(prediction, tensors)
    if isinstance(prediction, np.ndarray):
        return _array_layout(prediction, tensors)
    if isinstance(prediction, (list, tuple)) and len(tensors) == 1 and _is_list_of(tensors[0], prediction):
        return ("array",)
    return None


def _table_layout(table, tensors):
    names = _shown(table.columns.tolist())
    if names is None:
        return None
    series = [table.iloc[:, at] for at in range(len(names))]
    if len(tensors) == 1 and len(names) > 1:
        whole = tensors[0]
        held = whole.shape == table.shape and all(_holds_all(whole, column) for column in series)
        return ("records", *names) if held else None
    if len(tensors) != len(names) or any(_size(tensor) != len(table) for tensor in tensors):
        return None
    by_name = dict(zip(names, series))
    named = all(tensor.name in by_name for tensor in tensors)
    columns = [by_name[tensor.name] for tensor in tensors] if named else series
    if not all(map(_holds_all, tensors, columns)):
        return None
    return ("records",) if named else ("records", *names)


def _dict_layout(arrays, tensors):
    names = _shown(list(arrays))
    if names is None or names != [tensor.name for tensor in tensors]:
        return None
    held = (_is_array_of(tensor, value) or _is_list_of(tensor, value) for tensor, value in zip(tensors, arrays.values()))
    return ("dict",) if all(held) else None


def _array_layout(array, tensors):
    if len(tensors) == 1:
        return ("array",) if _is_array_of(tensors[0], array) else None
    if array.ndim != 2 or len(tensors) != array.shape[1]:
        return None
    held = all(_size(tensor) == len(array) and _holds_all(tensor, array[:, at]) for at, tensor in enumerate(tensors))
    return ("rows",) if held else None


def _shown(names):
    """Names as JSON has them; None where the tensors can't have these."""
    if len(names) > _NAMES_MAX or not all(type(name) in (str, int) for name in names):
        return None
    shown = [str(name) for name in names]
    if len(set(shown)) != len(shown) or sum(map(len, shown)) > _NAME_CHARACTERS_MAX or not _is_utf8(shown):
        return None
    return shown


def _is_array_of(tensor, value):
    return isinstance(value, np.ndarray) and tensor.shape == value.shape and _holds_all(tensor, value)


def _is_list_of(tensor, values):
    """Whether a tensor has a list of values of one type, or of lists of one length of such, as they are."""
    if not isinstance(values, (list, tuple)):
        return False
    shape = (len(values),)
    kinds = set(map(type, values))
    if kinds == {list}:
        widths = set(map(len, values))
        shape = (len(values), max(widths))
        if len(widths) != 1:
            return False
        values = list(chain.from_iterable(values))
        kinds = set(map(type, values))
    if tensor.shape != shape or len(kinds) > 1:
        return False
    for kind in kinds:
        datatype = _DATATYPES.get(kind)
        if datatype is None and issubclass(kind, np.generic):
            datatype = datatype_of(np.dtype(kind))
        if datatype is None or datatype != tensor.datatype:
            return False
    return str not in kinds or _is_utf8(values)


def _holds_all(tensor, values):
    """Whether a tensor has the values of an array or a column as they are."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return tensor.datatype == datatype_of(dtype)
    if tensor.datatype != "BYTES" or getattr(dtype, "kind", "O") not in "OUT":
        return False
    texts = values.reshape(-1).tolist() if isinstance(values, np.ndarray) else values.tolist()
    return all(type(text) is str for text in texts) and _is_utf8(texts)


def _is_utf8(texts):
    try:
        "".join(texts).encode()
        return True
    except UnicodeEncodeError:
        return False


def _size(tensor):
    """How many elements a column of any shape has; None for another tensor."""
    return tensor.shape[0] if tensor.shape[1:] in ((), (1,)) and tensor.shape else None


def _json(prediction, tensors):
    """
    The prediction as JSON, a text a row where the tensors have rows, since these may be of several requests; None for
    what MLflow's server can't write.
    """
    try:
        value = _plain(prediction)
        by_rows = isinstance(value, list) and all(tensor.shape[:1] == (len(value),) for tensor in tensors)
        texts = [_ENCODER.encode(entry).encode() for entry in (value if by_rows else [value])]
    except (TypeError, ValueError, RecursionError):
        return None
    array = as_objects(texts)
    return tensor_of(JSON_NAME, "BYTES", array if by_rows else array.reshape(()))


def _plain(prediction):
    if isinstance(prediction, np.ndarray):
        return prediction.tolist()
    if isinstance(prediction, pd.Series):
        prediction = pd.DataFrame(prediction)
    return prediction.to_dict(orient="records") if isinstance(prediction, pd.DataFrame) else prediction
