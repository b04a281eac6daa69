"""What is done to an ONNX graph after a converter made it."""

import json

from .comparing import LABEL, PROBABILITIES
from .failure import Refused

# ONNX Runtime 1.30, which serves the result, reads up to 13; older readers are many.
IR_VERSION_MAX = 10


def finish(model, original):
    """Names the outputs alike for every library, drops ZipMap, and notes the columns and the classes in the metadata."""
    import onnx

    _drop_zip_map(model)
    outputs = [value.name for value in model.graph.output]
    for old, new in _output_names(outputs, original.kind).items():
        rename(model, old, new)
    _open_rows(model)
    model.ir_version = min(model.ir_version, IR_VERSION_MAX)
    note = {}
    if original.columns is not None:
        note["feature_names"] = json.dumps([column.name for column in original.columns])
    if original.classes is not None:
        note[f"classes.{PROBABILITIES}"] = json.dumps(original.classes)
    for key, value in note.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refused(f"the converter made a graph that is not valid: {error}") from error
    return model


def _open_rows(model):
    """Some converters write 1 for the number of rows of an output."""
    for value in model.graph.output:
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) > 0:
            dimensions[0].Clear()


def _output_names(outputs, kind):
    if kind == "classifier":
        wanted = [LABEL, PROBABILITIES]
    elif kind == "outliers":
        wanted = [LABEL, "scores"]
    elif kind == "clusters":
        wanted = [LABEL, "distances"]
    else:
        wanted = ["value"] if len(outputs) == 1 else outputs
    if kind == "classifier" and len(outputs) == 1:
        wanted = [LABEL]
    return {old: new for old, new in zip(outputs, wanted, strict=False) if old != new}


def rename(model, old, new):
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)} | {value.name for value in graph.input}
    if new in taken:
        rename(model, new, f"{new}_inner")
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in (*graph.output, *graph.input, *graph.initializer, *graph.value_info):
        if value.name == old:
            value.name = new


def _drop_zip_map(model):
    """A classifier's probabilities as the tensor that ZipMap would turn into maps."""
    import onnx

    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "ZipMap"]:
        [output] = [value for value in graph.output if value.name == node.output[0]]
        output.CopyFrom(onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, [None, None]))
        graph.node.remove(node)


def narrow_outputs(model):
    """Declares outputs of FP64 as FP32; whether there were any."""
    import onnx

    wide = [value for value in model.graph.output if value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE]
    for value in wide:
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return bool(wide)


def operators(model):
    """How often each operator occurs, in all graphs of the model."""
    counts = {}
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        for node in graph.node:
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
            for attribute in node.attribute:
                if attribute.g.node:
                    waiting.append(attribute.g)
                waiting += list(attribute.graphs)
    return counts


def opsets(model):
    return {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
