"""A model that MLflow saved, of any flavor that has python_function."""

import contextlib
import importlib.metadata
import inspect
import json
import os
import platform

from .failure import EngineError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow  # noqa: E402
import mlflow.pyfunc  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.types import DataType  # noqa: E402

from .mlflow_documents import DOCUMENTS, read_document, reads_documents  # noqa: E402
from .mlflow_inputs import to_arrays, to_frame, to_plain, to_same_frame  # noqa: E402
from .mlflow_outputs import Outputs  # noqa: E402
from .mlflow_rows import is_row_wise  # noqa: E402
from .mlflow_signature import column_datatype, input_specs, nested_outputs, output_specs, shown_name  # noqa: E402

# A reserved input that carries a request's parameters as JSON; see src/serving.
PARAMETERS = "\0parameters"

# Loaders of MLflow's own libraries, with the package to name the version of.
_PACKAGES = {
    "mlflow.sklearn": "scikit-learn",
    "mlflow.xgboost": "xgboost",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.catboost": "catboost",
    "mlflow.pytorch": "torch",
    "mlflow.tensorflow": "tensorflow",
    "mlflow.onnx": "onnxruntime",
    "mlflow.statsmodels": "statsmodels",
}


class MlflowModel:
    def __init__(self, order):
        self._model = mlflow.pyfunc.load_model(os.path.dirname(order["path"]))
        meta = self._model.metadata
        self._schema = meta.get_input_schema()
        loader = meta.flavors[mlflow.pyfunc.FLAVOR_NAME]["loader_module"]
        self._of_library = loader in _PACKAGES
        self.batched = is_row_wise(loader, self._model)
        declared = output_specs(meta.get_output_schema())
        self._outputs = Outputs(declared, nested_outputs(meta.get_output_schema()))
        params = meta.get_params_schema()
        self._takes_parameters = params is not None
        self.signature = {
            "inputs": input_specs(self._schema),
            "outputs": declared,
            "open": True,
            "readsBodies": reads_documents(meta),
            **({"parameters": [spec.name for spec in params.params]} if params is not None else {}),
        }
        self.metadata = _facts(meta, loader)
        self.runtime = _runtime(loader)
        self._same = self._columns_to_take_as_they_are()
        predict = self._model._predict_fn
        named = inspect.signature(predict).parameters.get("params")
        self._passes_parameters = named is not None and named.kind != inspect.Parameter.VAR_KEYWORD

    def run(self, tensors, wanted):
        if len(tensors) == 1 and tensors[0].name in DOCUMENTS:
            return self._outputs.tensors(self._predict_document(tensors[0]), None, wanted)
        params = None
        if tensors and tensors[-1].name == PARAMETERS:
            params = json.loads(tensors[-1].strings()[0])
            tensors = tensors[:-1]
        rows = tensors[0].shape[0] if self.batched and tensors and tensors[0].shape else None
        return self._outputs.tensors(self._predict(tensors, params), rows, wanted)

    def _predict(self, tensors, params):
        same = self._taken_as_they_are(tensors)
        if same is not None:
            model = self._model
            return model._predict_fn(same, params=None) if self._passes_parameters else model._predict_fn(same)
        with _mlflows_refusals():
            return self._model.predict(self._data(tensors), params=params)

    def _predict_document(self, tensor):
        with _mlflows_refusals():
            data, params = read_document(DOCUMENTS[tensor.name], tensor.data, self._model.metadata)
            return self._model.predict(data, params=params)

    def _data(self, tensors):
        if self._schema is None:
            return to_plain(tensors)
        if self._schema.is_tensor_spec():
            return to_arrays(tensors, self._schema)
        return to_frame(tensors, self._schema)

    def _columns_to_take_as_they_are(self):
        """
        Names and datatypes of the columns when all are numbers that every request needs. A table of just these is what
        MLflow's own enforcement answers with, so that the model is called directly; a model's own predict method may
        look at the context that MLflow sets around it, so it is always called by MLflow.
        """
        schema = self._schema
        if schema is None or schema.is_tensor_spec() or not schema.has_input_names() or not self._of_library:
            return None
        from_example = getattr(self._model.metadata, "_is_type_hint_from_example", lambda: False)
        if self._takes_parameters or from_example():
            return None
        numeric = (DataType.boolean, DataType.integer, DataType.long, DataType.float, DataType.double)
        if not all(spec.required and spec.type in numeric for spec in schema.inputs):
            return None
        same = {shown_name(spec): column_datatype(spec.type) for spec in schema.inputs}
        return same if len(same) == len(schema.inputs) else None

    def _taken_as_they_are(self, tensors):
        same = self._same
        if same is None or len(tensors) != len(same):
            return None
        arrays = {}
        rows = tensors[0].shape[:1]
        for tensor in tensors:
            if same.get(tensor.name) != tensor.datatype or tensor.shape[:1] != rows or tensor.shape[1:] not in ((), (1,)):
                return None
            arrays[tensor.name] = tensor.array().reshape(-1)
        if len(arrays) != len(same) or not rows:
            return None
        return to_same_frame(self._schema.input_names(), [arrays[name] for name in same])


@contextlib.contextmanager
def _mlflows_refusals():
    try:
        yield
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            # MLflow quotes the whole input before it says what is wrong with it.
            by_signature = error.error_code == "INVALID_PARAMETER_VALUE"
            raise EngineError("input", error.message.rpartition("'. Error: ")[2], by_signature) from error
        raise


def _facts(meta, loader):
    signature = meta.signature
    facts = {
        "flavors": ", ".join(meta.flavors),
        "loader_module": loader,
        "mlflow_version": meta.mlflow_version,
        "run_id": meta.run_id,
        "model_id": getattr(meta, "model_id", None),
        "mlflow_signature": None if signature is None else json.dumps(signature.to_dict()),
    }
    return {name: str(value) for name, value in facts.items() if value}


def _runtime(loader):
    parts = [f"python {platform.python_version()}", f"mlflow {mlflow.__version__}", f"pandas {pd.__version__}"]
    package = _PACKAGES.get(loader)
    if package is not None:
        try:
            parts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return ", ".join(parts)
