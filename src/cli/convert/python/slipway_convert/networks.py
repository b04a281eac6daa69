"""Models over tensors: PyTorch and TensorFlow or Keras."""

from dataclasses import dataclass

import numpy as np

from .comparing import LABEL, PROBABILITIES, compare, joined
from .failure import Refused, first_line
from .graph import finish
from .running import Runner

# Rows and elements drawn at most: images are large.
ELEMENTS_MAX = 4_000_000
# Length of an open dimension beside the rows.
OPEN_DEFAULT = 8
# The newest that tf2onnx writes for everything.
TF_OPSET_DEFAULT = 17


@dataclass
class Input:
    name: str
    dtype: np.dtype
    #: -1 for what is open; the first dimension is the rows.
    shape: tuple


class Network:
    columns = None
    classes = None
    kind = "network"

    def __init__(self, model, inputs, run, outputs=None):
        self.model = model
        self.inputs = inputs
        self.run = run
        self.outputs = outputs

    def predict(self, feeds):
        return [np.asarray(each) for each in self.run(feeds)]


def prove_network(job, model, sample):
    from .quantizing import metric

    original = (_torch if job["flavor"] == "pytorch" else _keras)(job, model)
    groups = _groups(original, job, sample)
    text = ", ".join(f"{each.name} {np.dtype(each.dtype)}{list(each.shape)}" for each in original.inputs)
    try:
        made = finish(original.convert(groups[0][1]), original)
    except Refused:
        raise
    except Exception as error:
        raise Refused(
            f"{type(original.model).__name__} can't be exported to ONNX: {type(error).__name__}: {first_line(error)}. "
            "Export it yourself (torch.export, tf2onnx) and deploy the .onnx file",
            "unsupported_model",
        ) from error
    runner = Runner(made)
    reports = _compare(original, runner, groups, job["tolerance"])
    total = joined(reports)
    if not total["equal"]:
        raise Refused(
            f"the conversion of {type(original.model).__name__} differs by up to {total['maxAbsolute']:.3g} in {total['beyond']} of "
            f"{total['rows']} rows. Nothing was kept. A larger --tolerance may be right if the difference is small",
            "not_equal",
        )
    proved = {"model": made, "runner": runner, "inputs": text, "groups": reports, "total": total, "attempts": []}

    def again(other, labels):
        compared = _compare(original, other, groups, job["tolerance"])
        feeds = _named(groups[0][1], other)
        answer = {"total": joined(compared), "groups": compared, "feeds": feeds}
        if labels is not None:
            expected, got = _labelled(original, other, groups[0][1])
            answer["metric"] = {**metric("network", got, labels), "original": metric("network", expected, labels)["value"]}
        return answer

    return original, proved, again


def _named(feeds, runner):
    return dict(zip(runner.inputs, feeds.values(), strict=True))


def _compare(original, runner, groups, tolerance):
    reports = []
    for name, feeds in groups:
        expected, got = original.predict(feeds), list(runner.run(_named(feeds, runner)).values())
        if len(expected) != len(got):
            raise Refused(f"the converted model has {len(got)} outputs, the original {len(expected)}")
        left = {str(index): each for index, each in enumerate(expected)}
        right = {str(index): each for index, each in enumerate(got)}
        if _is_probabilities(expected[0]):
            left |= {LABEL: expected[0].argmax(axis=1), PROBABILITIES: expected[0]}
            right |= {LABEL: np.asarray(got[0]).argmax(axis=1), PROBABILITIES: got[0]}
        reports.append({"name": name, **compare(left, right, tolerance)})
    return reports


def _is_probabilities(values):
    values = np.asarray(values)
    return values.ndim == 2 and values.shape[1] > 1 and bool(np.allclose(values.sum(axis=1), 1, atol=1e-3) and (values >= 0).all())


def _labelled(original, runner, feeds):
    expected, got = original.predict(feeds)[0], next(iter(runner.run(_named(feeds, runner)).values()))
    if np.ndim(expected) == 2 and np.shape(expected)[1] > 1:
        return {LABEL: np.argmax(expected, axis=1)}, {LABEL: np.argmax(got, axis=1)}
    return {"value": expected}, {"value": got}


def _groups(original, job, sample):
    """The first group is the sample, or else drawn rows; then edges, and other numbers of rows."""
    rng = np.random.default_rng(job["seed"])
    each = max(1, sum(int(np.prod([abs(length) for length in one.shape[1:]] or [1])) for one in original.inputs))
    rows = max(2, min(job["rows"], ELEMENTS_MAX // each))
    label = job.get("label")
    if sample is not None:
        frame = sample.drop(columns=[label]) if label in sample.columns else sample
        return [("sample", _of_frame(original.inputs, frame))]
    drawn = {one.name: _draw(one, rows, rng) for one in original.inputs}
    groups = [("typical", drawn)]
    groups.append(("one row", {name: value[:1] for name, value in drawn.items()}))
    groups.append(("zeros", {name: np.zeros_like(value[:2]) for name, value in drawn.items()}))
    groups.append(("extreme", {name: _far(value[: max(2, rows // 8)]) for name, value in drawn.items()}))
    return groups


def _draw(one, rows, rng):
    shape = (rows, *(OPEN_DEFAULT if length < 0 else length for length in one.shape[1:]))
    if np.issubdtype(one.dtype, np.floating):
        return rng.normal(size=shape).astype(one.dtype)
    if one.dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    # Integers are mostly indexes of a table whose length nothing tells.
    return rng.integers(0, 2, shape).astype(one.dtype)


def _far(values):
    return (values * 30).astype(values.dtype) if np.issubdtype(values.dtype, np.floating) else values


def _of_frame(inputs, frame):
    names = [one.name for one in inputs]
    if all(name in frame.columns for name in names):
        made = {one.name: np.array(frame[one.name].tolist(), dtype=one.dtype) for one in inputs}
    elif len(inputs) == 1 and len(inputs[0].shape) == 2:
        made = {names[0]: frame.to_numpy().astype(inputs[0].dtype)}
    else:
        raise Refused(f"the sample needs a column of lists for each input: {', '.join(names)}", "wrong_sample")
    return {one.name: _shaped(one, made[one.name]) for one in inputs}


def _shaped(one, values):
    wanted = [length for length in one.shape]
    fits = len(wanted) == values.ndim and all(length < 0 or length == got for length, got in zip(wanted[1:], values.shape[1:], strict=True))
    if not fits:
        raise Refused(f"the sample's '{one.name}' has the shape {list(values.shape)}, the model takes {wanted}", "wrong_sample")
    return values


def _inputs(job):
    """Inputs as --inputs or a signature of tensors says; None where neither does."""
    if job.get("inputs"):
        return [Input(one["name"], np.dtype(one["dtype"]), tuple(one["shape"])) for one in job["inputs"]]
    signature = job.get("signature")
    if not signature:
        return None
    if any(field.get("type") != "tensor" for field in signature):
        return [Input("input", np.dtype(np.float32), (-1, len(signature)))]
    made = []
    for index, field in enumerate(signature):
        spec = field["tensor-spec"]
        made.append(Input(field.get("name") or (f"input_{index}" if len(signature) > 1 else "input"), np.dtype(spec["dtype"]), tuple(spec["shape"])))
    return made


def _torch(job, model):
    import torch

    torch.manual_seed(job["seed"])
    exported = isinstance(model, torch.export.ExportedProgram)
    module = model.module() if exported else model
    inputs = _inputs(job) or (_inputs_of_program(model) if exported else None)
    if inputs is None:
        raise Refused(
            "a PyTorch model doesn't say what it takes; name its inputs, as in --inputs 'x:FP32[-1,3,224,224]', or save it with a "
            "signature (mlflow) or as an exported program (.pt2)",
            "no_inputs",
        )

    def run(feeds):
        with torch.no_grad():
            answer = module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in feeds.values()))
        return [each.detach().numpy() for each in _flat(answer)]

    original = Network(model, inputs, run)
    original.convert = lambda feeds: _export_torch(torch, original, feeds, job.get("opset"))
    return original


def _flat(answer):
    if isinstance(answer, dict):
        answer = list(answer.values())
    return [part for each in answer for part in _flat(each)] if isinstance(answer, (list, tuple)) else [answer]


def _inputs_of_program(program):
    names = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    made = []
    for name in names:
        value = nodes[name].meta["val"]
        shape = [length if isinstance(length, int) else -1 for length in value.shape]
        made.append(Input(name, np.dtype(str(value.dtype).removeprefix("torch.")), tuple(shape)))
    return made


def _export_torch(torch, original, feeds, opset):
    import logging

    import onnx

    logging.disable(logging.WARNING)
    names = [one.name for one in original.inputs]
    options = {} if opset is None else {"opset_version": opset}
    if isinstance(original.model, torch.export.ExportedProgram):
        program = torch.onnx.export(original.model, dynamo=True, input_names=names, verbose=False, **options)
        return program.model_proto
    args = tuple(torch.from_numpy(np.ascontiguousarray(value[:3])) for value in feeds.values())
    open_at = [[index for index, length in enumerate(one.shape) if length < 0] for one in original.inputs]
    if isinstance(original.model, torch.jit.ScriptModule):
        axes = {one.name: {index: f"{one.name}_{index}" for index in indexes} for one, indexes in zip(original.inputs, open_at, strict=True)}
        outputs = [f"output_{index}" for index in range(len(original.predict(feeds)))]
        axes |= {name: {0: "rows"} for name in outputs}
        torch.onnx.export(
            original.model, args, "torch.onnx", dynamo=False, input_names=names, output_names=outputs, dynamic_axes=axes, **options
        )
        return onnx.load("torch.onnx")
    dynamic = tuple({index: torch.export.Dim.DYNAMIC for index in indexes} for indexes in open_at)
    program = torch.onnx.export(original.model, args, dynamo=True, input_names=names, dynamic_shapes=dynamic, verbose=False, **options)
    return program.model_proto


def _keras(job, model):
    import tensorflow

    if hasattr(model, "signatures"):
        return _saved_model(job, model, tensorflow)
    inputs = [
        Input(each.name.split(":")[0], np.dtype(str(each.dtype)), (-1, *(-1 if length is None else int(length) for length in each.shape[1:])))
        for each in model.inputs
    ]

    def run(feeds):
        values = list(feeds.values())
        return [np.asarray(each) for each in _flat(model(values[0] if len(values) == 1 else values, training=False))]

    original = Network(model, inputs, run)
    signature = [tensorflow.TensorSpec((None, *(None if length < 0 else length for length in each.shape[1:])), each.dtype, name=each.name) for each in inputs]
    wrapped = tensorflow.function(lambda *values: _flat(model(values[0] if len(values) == 1 else list(values), training=False)))
    original.convert = lambda feeds: _by_tf2onnx(wrapped, signature, job.get("opset"))
    return original


def _by_tf2onnx(function, signature, opset):
    if not hasattr(np, "object"):
        # Why: tf2onnx still asks for the names that NumPy 2 dropped.
        np.object, np.bool, np.int, np.float = object, bool, int, float
    import tf2onnx

    made, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=opset or TF_OPSET_DEFAULT)
    return made


def _saved_model(job, model, tensorflow):
    signatures = model.signatures
    if not signatures:
        raise Refused("the SavedModel has no signature; export it again with one (model.export, or tf.saved_model.save(…, signatures=…))", "unsupported_model")
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    function = signatures[name]
    specs = function.structured_input_signature[1]
    inputs = [
        Input(key, np.dtype(spec.dtype.as_numpy_dtype), (-1, *(-1 if length is None else int(length) for length in spec.shape[1:])))
        for key, spec in specs.items()
    ]
    outputs = list(function.structured_outputs)

    def run(feeds):
        answer = function(**{key: tensorflow.constant(value) for key, value in feeds.items()})
        return [answer[key].numpy() for key in outputs]

    wrapped = tensorflow.function(lambda *values: [function(**dict(zip(specs, values, strict=True)))[key] for key in outputs])
    signature = [tensorflow.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in specs.items()]
    original = Network(model, inputs, run)
    original.convert = lambda feeds: _by_tf2onnx(wrapped, signature, job.get("opset"))
    return original
