"""Bodies of the scoring protocol that MLflow's own rules turn into what a model takes; see src/gateway/task-inputs.ts."""

import io
import json

import pandas as pd

from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import INPUTS, SUPPORTED_FORMATS, infer_and_parse_data
from mlflow.types import DataType

from .failure import EngineError

# The only input of a run, named after how it is written; no client can send inputs of these names.
DOCUMENTS = {"\0json": "json", "\0rows": "rows", "\0csv": "csv"}

# Columns of these reach a model as tensors exactly as MLflow's scoring server would hand them over.
_PLAIN = (DataType.boolean, DataType.integer, DataType.long, DataType.float, DataType.double, DataType.string)


def reads_documents(meta):
    """Whether tensors can't say all that MLflow would make of a body: no signature, values within values, type hints."""
    schema = meta.get_input_schema()
    if schema is None or _from_type_hint(meta) or getattr(meta, "_is_type_hint_from_example", lambda: False)():
        return True
    if schema.is_tensor_spec():
        return any(spec.type.kind in "OSUT" for spec in schema.inputs)
    if not schema.has_input_names():
        return True
    return not all(_is_plain(spec) for spec in schema.inputs)


def read_document(form, data, meta):
    """What the model's predict takes, and its parameters."""
    if form == "csv":
        return _table_of_text(data), None
    body = _parsed(data)
    params = body.get("params")
    schema = meta.get_input_schema()
    given = _rows(body, schema, _from_type_hint(meta)) if form == "rows" else body
    given = {name: value for name, value in given.items() if name in SUPPORTED_FORMATS}
    if _from_type_hint(meta):
        if INPUTS not in given:
            raise EngineError("input", "a model with type hints takes its input under 'inputs'", by_signature=True)
        return given[INPUTS], params
    if len(given) != 1:
        formats = ", ".join(f"'{name}'" for name in sorted(SUPPORTED_FORMATS))
        raise EngineError("input", f"the body must have exactly one of {formats}; it has: {', '.join(list(body)[:20])}")
    try:
        return infer_and_parse_data(given, schema), params
    except MlflowException:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise EngineError("input", f"the input can't be read: {error}") from error


def _is_plain(spec):
    # A truth value that is missing has no type of its own, and MLflow's answer to it depends on the pandas in use.
    return spec.type in _PLAIN and (spec.required or spec.type != DataType.boolean)


def _from_type_hint(meta):
    return getattr(meta, "_is_signature_from_type_hint", lambda: False)()


def _parsed(data):
    try:
        body = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise EngineError("input", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise EngineError("input", f"the body must be a JSON object; it is a {type(body).__name__}")
    return body


def _rows(body, schema, hinted):
    """The `data` of /predict, as /invocations has it."""
    if "data" not in body:
        raise EngineError("input", "the body must have 'data': a list of rows, each a list or an object")
    data = body["data"]
    if hinted or not isinstance(data, list):
        return {INPUTS: data}
    if data and all(isinstance(row, dict) for row in data):
        return {"dataframe_records": data}
    names = schema.input_names() if schema is not None and schema.has_input_names() and not schema.is_tensor_spec() else []
    if len(names) > 1 and all(isinstance(row, list) and len(row) == len(names) for row in data):
        return {"dataframe_split": {"columns": names, "data": data}}
    return {INPUTS: data}


def _table_of_text(data):
    try:
        return pd.read_csv(io.BytesIO(data))
    except (ValueError, UnicodeDecodeError) as error:
        raise EngineError("input", f"the body is no table in CSV: {error}") from error
