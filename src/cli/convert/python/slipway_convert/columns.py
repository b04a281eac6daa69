"""The columns of a table that a model takes, and their kinds in MLflow's words."""

from dataclasses import dataclass

import numpy as np

from .failure import Refused

NUMPY = {
    "double": np.float64,
    "float": np.float32,
    "long": np.int64,
    "integer": np.int32,
    "boolean": np.bool_,
    "string": object,
}

NUMBERS = ("double", "float", "long", "integer", "boolean")


@dataclass(frozen=True)
class Column:
    name: str
    kind: str


def columns_of_signature(signature):
    """Columns of a column-based signature; None for one of tensors or for none at all."""
    if not signature or any(field.get("type") == "tensor" for field in signature):
        return None
    for field in signature:
        if field["type"] not in NUMPY:
            raise Refused(
                f"the signature's column '{field.get('name')}' has the type {field['type']}, which ONNX has no input for; "
                "encode it before the model"
            )
    return [Column(field.get("name") or f"f{index}", field["type"]) for index, field in enumerate(signature)]


def columns_of_frame(frame, names=None):
    """Columns as a sample has them; `names` are those that the model wants, in its order."""
    wanted = [name for name in (names or frame.columns)]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise Refused(f"the sample lacks the columns {', '.join(map(str, missing))}, which the model takes", "wrong_sample")
    return [Column(str(name), _kind(frame[name].dtype)) for name in wanted]


def _kind(dtype):
    if dtype == np.bool_:
        return "boolean"
    if getattr(dtype, "kind", "O") in "iu":
        return "long"
    return "double" if getattr(dtype, "kind", "O") == "f" else "string"


def typed(frame, columns):
    """The frame with exactly these columns, each of its kind."""
    import pandas as pd

    made = {}
    for column in columns:
        if column.name not in frame.columns:
            raise Refused(f"the sample lacks the column '{column.name}', which the model takes", "wrong_sample")
        values = frame[column.name]
        try:
            if column.kind == "string":
                made[column.name] = pd.Series([None if value is None else str(value) for value in values], dtype=object)
            else:
                made[column.name] = values.astype(NUMPY[column.kind]).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise Refused(f"the sample's column '{column.name}' is not {column.kind}: {error}", "wrong_sample") from error
    return pd.DataFrame(made)
