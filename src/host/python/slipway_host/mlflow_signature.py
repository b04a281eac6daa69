"""MLflow's signatures as those of the Open Inference Protocol, the way MLServer's runtime for MLflow shows them."""

import numpy as np
from mlflow.types import DataType
from mlflow.types.schema import TensorSpec

from .failure import EngineError
from .tensors import datatype_of

# Inputs without names are counted from 0, outputs from 1.
INPUT_PREFIX = "input-"
OUTPUT_NAME = "output-1"

_DATATYPES = {
    DataType.boolean: "BOOL",
    DataType.integer: "INT32",
    DataType.long: "INT64",
    DataType.float: "FP32",
    DataType.double: "FP64",
}


def input_specs(schema):
    """One input for each column or tensor of a schema; none without a schema."""
    return [] if schema is None else [_input(spec, index) for index, spec in enumerate(schema.inputs)]


def output_specs(schema):
    return [] if schema is None else [_output(spec, index) for index, spec in enumerate(schema.inputs)]


def nested_outputs(schema):
    """Names of the outputs whose elements are lists or objects, or of any type."""
    if schema is None or schema.is_tensor_spec():
        return frozenset()
    return frozenset(
        entry["name"] for spec, entry in zip(schema.inputs, output_specs(schema)) if not isinstance(spec.type, DataType)
    )


def shown_name(spec):
    """The name of a column or tensor, None without one. MLflow keeps the numbers by which pandas counts columns without names."""
    return None if spec.name is None or spec.name == "" else str(spec.name)


def column_datatype(kind):
    """The datatype of a column; text, times, bytes and whatever is written as JSON are BYTES."""
    return _DATATYPES.get(kind, "BYTES") if isinstance(kind, DataType) else "BYTES"


def _content(kind):
    """The type of values within BYTES, as MLflow writes it, for who compares two versions."""
    return {"type": kind.name} if isinstance(kind, DataType) else kind.to_dict()


def _input(spec, index):
    entry = {"name": shown_name(spec) or f"{INPUT_PREFIX}{index}", **_shape(spec, [-1, 1])}
    return entry if spec.required else {**entry, "optional": True}


def _output(spec, index):
    # A column without a name is a list or a series; a table's columns are named.
    name = shown_name(spec)
    entry = {"name": name or f"output-{index + 1}", **_shape(spec, [-1, 1] if name else [-1])}
    # Only a float can say that a number is missing.
    may_lack = not isinstance(spec, TensorSpec) and not spec.required and spec.type in (DataType.integer, DataType.long)
    return {**entry, "datatype": "FP64"} if may_lack else entry


def _shape(spec, column):
    if not isinstance(spec, TensorSpec):
        datatype = column_datatype(spec.type)
        entry = {"datatype": datatype, "shape": column}
        return {**entry, "content": _content(spec.type)} if datatype == "BYTES" else entry
    datatype = "BYTES" if spec.type.kind in "OSUT" else datatype_of(np.dtype(spec.type))
    if datatype is None:
        raise EngineError("model", f"its signature has a tensor of the type {spec.type}, which the protocol can't carry")
    return {"datatype": datatype, "shape": [int(size) for size in spec.shape]}
