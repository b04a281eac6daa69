"""Smaller forms of a model, with what they cost in accuracy and gain in time and size."""

import os

from .failure import Refused, first_line
from .graph import IR_VERSION_MAX, operators

# Operators whose weights ONNX Runtime's dynamic quantisation makes INT8.
DYNAMIC = ("MatMul", "Gemm", "Conv", "Attention", "LSTM", "Gather", "EmbedLayerNormalization")
TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble")
LINEAR = ("LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor")


def quantized(model, how):
    found = operators(model)
    if not any(name in found for name in DYNAMIC):
        raise Refused(_without_effect(found, how), "no_effect")
    made = _int8(model) if how == "int8" else _fp16(model)
    made.ir_version = min(made.ir_version, IR_VERSION_MAX)
    if how == "int8" and not any(name.endswith(("Integer", "IntegerToFloat")) or "Quantize" in name for name in operators(made)):
        raise Refused("--quantize int8 has no effect: none of the model's weights are constants of FP32", "no_effect")
    return made


def _without_effect(found, how):
    which = [name for name in TREES if name in found]
    if which:
        why = f"the model is made of trees ({which[0]}), which compare numbers and multiply no matrices"
    elif any(name in found for name in LINEAR):
        why = "the model is one operator of ai.onnx.ml with a few weights, which has no smaller form"
    else:
        why = f"the model has no {', '.join(DYNAMIC[:3])} (it has {', '.join(sorted(found)[:8])})"
    return f"--quantize {how} has no effect: {why}. Leave it out"


def _int8(model):
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)
    onnx.save(model, "before-int8.onnx")
    try:
        quantize_dynamic("before-int8.onnx", "int8.onnx", weight_type=QuantType.QInt8)
    except Exception as error:
        raise Refused(f"the model can't be quantised to int8: {first_line(error)}") from error
    return onnx.load("int8.onnx")


def _fp16(model):
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(copy, keep_io_types=True)
    except Exception as error:
        raise Refused(f"the model can't be converted to fp16: {first_line(error)}") from error


def size_of(model):
    return model.ByteSize()


def metric(kind, outputs, truth):
    """Accuracy of labels, or the coefficient of determination of values."""
    import numpy as np

    if "label" in outputs:
        labels = np.asarray(outputs["label"]).ravel()
        same = [str(left) == str(right) or left == right for left, right in zip(labels, truth, strict=True)]
        return {"name": "accuracy", "value": float(np.mean(same))}
    values = np.asarray(next(iter(outputs.values())), dtype=np.float64).reshape(len(truth), -1)[:, 0]
    wanted = np.asarray(truth, dtype=np.float64)
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    return {"name": "r2", "value": 1.0 - float(((wanted - values) ** 2).sum()) / spread if spread > 0 else 0.0}


def remove_left_overs():
    for name in ("before-int8.onnx", "int8.onnx"):
        if os.path.exists(name):
            os.remove(name)
