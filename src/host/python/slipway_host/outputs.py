"""What models answer, as tensors: checked against what was declared, so that a wrong answer is told and not sent."""

import base64
import json

import numpy as np

from .failure import EngineError
from .tensors import NULL_SUFFIX, NUMPY_TYPES, datatype_of, tensor_of


# The kinds of numpy types whose values a kind of type may hold.
_HELD_BY = {"b": "b", "i": "biu", "u": "biu", "f": "biuf"}


def fail(name, reason):
    return EngineError("model", f"the model's output '{name}' {reason}")


def declared_tensor(spec, value, rows):
    """The tensor of a value under its declaration; `rows` is what an open first dimension stands for, None for any."""
    return tensor_of(spec["name"], spec["datatype"], cast(_declared(spec, value, rows), spec["datatype"], spec["name"]))


def nullable_tensors(spec, value, rows):
    """The same of a value that may have nulls: behind it the marks of those that its type can't hold, if there are any."""
    name, datatype = spec["name"], spec["datatype"]
    array, missing = _without_nulls(_declared(spec, value, rows), datatype)
    tensors = [tensor_of(name, datatype, cast(array, datatype, name))]
    return tensors if missing is None else [*tensors, tensor_of(name + NULL_SUFFIX, "BOOL", missing)]


def _declared(spec, value, rows):
    name, declared = spec["name"], spec["shape"]
    array = _shaped(as_array(value, name), declared, name)
    if rows is not None and declared and declared[0] == -1:
        check_rows(name, array.shape, rows)
    return array


def _without_nulls(array, datatype):
    """The array with some value where there is none, and where that is; NaN is the value of a float."""
    if datatype == "BYTES" or array.dtype.kind not in "Of" or (array.dtype.kind == "f" and datatype[0] not in "IU"):
        return array, None
    if array.dtype.kind == "f":
        missing = np.isnan(array)
        filled = np.where(missing, 0, array)
        # pandas makes floats of whole numbers some of which are missing.
        is_whole = missing.any() and bool((np.abs(filled) <= 2.0**53).all()) and bool((filled == np.floor(filled)).all())
        return (filled.astype(np.int64), missing) if is_whole else (array, None)
    flat = array.reshape(-1).tolist()
    missing = np.fromiter(map(_is_missing, flat), dtype=np.bool_, count=len(flat))
    if not missing.any():
        return array, None
    is_float = datatype[0] in "FB" and datatype != "BOOL"
    instead = np.nan if is_float else False if datatype == "BOOL" else 0
    filled = as_objects([instead if lacks else value for value, lacks in zip(flat, missing.tolist())])
    return filled.reshape(array.shape), None if is_float else missing.reshape(array.shape)


def plain_tensor(name, value, rows):
    """The tensor of a value that nothing was declared about."""
    array = as_array(value, name)
    if rows is not None:
        check_rows(name, array.shape, rows)
    datatype = "BYTES" if array.dtype.kind in "OSUM" or array.dtype.kind == "T" else datatype_of(array.dtype)
    if datatype is None:
        raise fail(name, f"is of the type {array.dtype}, which no datatype of the protocol holds")
    return tensor_of(name, datatype, cast(array, datatype, name))


def check_rows(name, shape, rows):
    answered = shape[0] if shape else 1
    if answered != rows:
        raise fail(name, f"has {answered} rows for {rows} rows of input")


def as_array(value, name):
    """Lists, scalars, pandas' and torch's own arrays as numpy's."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (str, bytes, dict)):
        return as_objects([value])
    if isinstance(value, list) and any(isinstance(element, (str, bytes, dict)) for element in value):
        return as_objects(value)
    if hasattr(value, "toarray"):
        return value.toarray()
    try:
        return np.asarray(value)
    except ValueError as error:
        raise fail(name, f"is no array: {error}") from error


def as_objects(values):
    """An array of just these elements, also where they are sequences."""
    return np.fromiter(values, dtype=object, count=len(values))


def cast(array, datatype, name):
    """The values under another type, where that holds every one of them or is a float of another width."""
    if datatype == "BYTES":
        return _bytes(array, name)
    target = np.dtype("<f4") if datatype == "BF16" else NUMPY_TYPES[datatype]
    if array.dtype == target:
        return array
    if array.dtype.kind == "O":
        array = _inferred(array)
    if array.dtype.kind not in _HELD_BY[target.kind]:
        raise fail(name, f"is of the type {array.dtype}; declared is {datatype}")
    if target.kind in "iu" and array.size and not np.can_cast(array.dtype, target, "safe"):
        limits = np.iinfo(target)
        if array.min() < limits.min or array.max() > limits.max:
            raise fail(name, f"has values beyond the range of {datatype}")
    with np.errstate(over="ignore"):
        return array.astype(target)


def _shaped(array, declared, name):
    """The array under its declared shape; a flat one is divided as the declaration says."""
    if len(array.shape) == len(declared) and all(want in (-1, have) for want, have in zip(declared, array.shape)):
        return array
    if array.ndim <= 1 and len(declared) != 1 and declared.count(-1) <= 1:
        try:
            return array.reshape(declared)
        except ValueError:
            pass
    elif array.ndim == 2 and array.shape[1] == 1 and len(declared) == 1 and declared[0] in (-1, array.shape[0]):
        return array.reshape(-1)
    raise fail(name, f"has the shape {list(array.shape)}; declared is {list(declared)}")


def _inferred(array):
    flat = array.reshape(-1).tolist()
    narrowed = np.array(flat) if flat else np.empty(0)
    return narrowed.reshape(array.shape) if narrowed.size == array.size else array


def _bytes(array, name):
    if array.dtype.kind == "M":
        texts = np.datetime_as_string(array.reshape(-1))
        return as_objects([b"" if text == "NaT" else text.encode() for text in texts.tolist()]).reshape(array.shape)
    if array.dtype.kind not in "OSUT":
        raise fail(name, f"is of the type {array.dtype}; declared is BYTES")
    flat = array.reshape(-1).tolist()
    return as_objects([_element(value, name) for value in flat]).reshape(array.shape)


def _element(value, name):
    """One element of a BYTES output: bytes as they are, text in UTF-8, nothing as no bytes, all else as JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if _is_missing(value):
        return b""
    if hasattr(value, "isoformat"):
        return value.isoformat().encode()
    try:
        return json.dumps(value, default=_json_value, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise fail(name, f"holds a value that is neither text nor JSON: {error}") from error


def _is_missing(value):
    """None, and what is unlike itself as NaN and NaT are; pandas' NA won't even say that."""
    if value is None or isinstance(value, (list, dict, np.ndarray)):
        return value is None
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _json_value(value):
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
