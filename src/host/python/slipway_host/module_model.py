"""A model written as a Python module: `predict`, and if it likes `load`, `signature` and `batched`."""

import importlib.util
import inspect
import json
import os
import platform
import sys

import numpy as np

from .failure import EngineError
from .outputs import declared_tensor, plain_tensor
from .tensors import DATATYPES


class Context:
    """What a model's own code is told: who it is, where its files are, and the parameters of its configuration."""

    def __init__(self, order):
        self.model = order["model"]
        self.version = order["version"]
        self.parameters = order["options"]
        self.directory = os.path.dirname(order["path"])


class ModuleModel:
    metadata = {}

    def __init__(self, order):
        context = Context(order)
        module = _imported(order["path"])
        holder = module.Model() if isinstance(getattr(module, "Model", None), type) else module
        # Code that runs before or behind a model has a function of the step's name; the model says what it takes and gives.
        step = order["options"].get("step_function")
        self._predict = (_callable(holder, step) if step else None) or _callable(holder, "predict")
        if self._predict is None and step:
            raise EngineError("model", f"the module must define {step}(inputs)")
        if self._predict is None:
            raise EngineError("model", "the module must define predict(inputs, context), or a class Model that does")
        self._arguments = (context,) if _takes(self._predict, 2) else ()
        declared = order["options"].get("step_signature")
        self.signature = _signature(json.loads(declared) if declared else _attribute(holder, module, "signature"))
        self.batched = True if step else _attribute(holder, module, "batched")
        if self.batched not in (None, True, False):
            raise EngineError("model", "batched, when defined, must be True or False")
        # Rows of requests are joined only by a model that says it takes them.
        self.batched = self.batched is True
        self.runtime = f"python {platform.python_version()}, numpy {np.__version__}"
        load = _callable(holder, "load")
        if load is not None:
            load(*(context,) if _takes(load, 1) else ())

    def run(self, tensors, wanted):
        inputs = {tensor.name: _value(tensor) for tensor in tensors}
        rows = tensors[0].shape[0] if self.batched and tensors and tensors[0].shape else None
        outputs = self._predict(inputs, *self._arguments)
        if not isinstance(outputs, dict):
            raise EngineError("model", f"predict must return a dict of outputs by name, not {type(outputs).__name__}")
        if self.signature.get("open"):
            return [plain_tensor(str(name), outputs[name], rows) for name in _chosen(outputs, wanted)]
        specs = {spec["name"]: spec for spec in self.signature["outputs"]}
        return [declared_tensor(specs[name], _required(outputs, name), rows) for name in _chosen(specs, wanted)]


def _imported(path):
    # Why: the modules beside it are the model's own.
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["model"] = module
    spec.loader.exec_module(module)
    return module


def _callable(holder, name):
    found = getattr(holder, name, None)
    if found is not None and not callable(found):
        raise EngineError("model", f"{name} must be a function")
    return found


def _attribute(holder, module, name):
    return getattr(holder, name, getattr(module, name, None))


def _takes(function, count):
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 1
    return True


def _value(tensor):
    if tensor.datatype != "BYTES":
        return tensor.array()
    array = np.empty(len(texts := tensor.strings()), dtype=object)
    array[:] = texts
    return array.reshape(tensor.shape)


def _chosen(names, wanted):
    return [name for name in names if not wanted or name in wanted]


def _required(outputs, name):
    if outputs.get(name) is None:
        raise EngineError("model", f"predict returned no output '{name}'")
    return outputs[name]


def _signature(declared):
    if declared is None:
        return {"inputs": [], "outputs": [], "open": True}
    if not isinstance(declared, dict):
        raise EngineError("model", "signature, when defined, must be a dict with inputs and outputs")
    return {what: _specs(declared.get(what), what) for what in ("inputs", "outputs")}


def _specs(declared, what):
    if not isinstance(declared, (list, tuple)):
        raise EngineError("model", f"signature['{what}'] must be a list of dicts with name, datatype and shape")
    return [_spec(entry, what) for entry in declared]


def _spec(entry, what):
    entry = entry if isinstance(entry, dict) else {}
    name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    if not isinstance(name, str) or not name:
        raise EngineError("model", f"each of signature['{what}'] must have a name")
    if datatype not in DATATYPES:
        raise EngineError("model", f"signature['{what}'] '{name}' has no known datatype")
    if not isinstance(shape, (list, tuple)) or not all(type(size) is int and size >= -1 for size in shape):
        raise EngineError(
            "model", f"signature['{what}'] '{name}' must have a shape, a list of whole numbers with -1 for any size"
        )
    spec = {"name": name, "datatype": datatype, "shape": list(shape)}
    return {**spec, "optional": True} if entry.get("optional") is True else spec
