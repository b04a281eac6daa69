"""Runs an ONNX model with ONNX Runtime."""

import time

import numpy as np

from .failure import Refused, first_line
from .graph import narrow_outputs

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}

BATCH_ROWS = 256

# What the runtime says of outputs that were declared FP64 though trees answer FP32 whatever they are given.
WRONG_OUTPUT = "does not match expected type (tensor(float))"


class Runner:
    def __init__(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        def opened():
            return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

        try:
            self.session = opened()
        except Exception as error:
            if WRONG_OUTPUT not in str(error) or not narrow_outputs(model):
                raise Refused(f"ONNX Runtime can't load the converted model: {first_line(error)}") from error
            try:
                self.session = opened()
            except Exception as again:
                raise Refused(f"ONNX Runtime can't load the converted model: {first_line(again)}") from again
        self.inputs = {value.name: value for value in self.session.get_inputs()}
        self.outputs = [value.name for value in self.session.get_outputs()]

    def kinds(self, columns):
        """The type that each column travels in."""
        if len(self.inputs) == 1 and len(columns) != 1:
            [only] = self.inputs.values()
            return {column.name: TYPES[only.type] for column in columns}
        [*values] = self.inputs.values()
        return {column.name: TYPES[value.type] for column, value in zip(columns, values, strict=True)}

    def feeds(self, frame, columns):
        if len(self.inputs) == 1 and (len(columns) != 1 or "features" in self.inputs):
            [(name, value)] = self.inputs.items()
            return {name: frame.to_numpy().astype(TYPES[value.type])}
        return {
            value.name: frame[column.name].to_numpy().astype(TYPES[value.type]).reshape(-1, 1)
            for column, value in zip(columns, self.inputs.values(), strict=True)
        }

    def run(self, feeds):
        try:
            return dict(zip(self.outputs, self.session.run(None, feeds), strict=True))
        except Exception as error:
            raise Refused(f"ONNX Runtime can't run the converted model: {first_line(error)}") from error

    def median_ms(self, feeds, runs=50):
        """Median time of a run, after a few that warm up."""
        for _ in range(5):
            self.session.run(None, feeds)
        taken = []
        for _ in range(runs):
            start = time.perf_counter()
            self.session.run(None, feeds)
            taken.append((time.perf_counter() - start) * 1000)
        return float(np.median(taken))


def head_of(feeds, rows):
    """As many rows as wanted, repeated where there are fewer."""
    return {name: np.resize(value, (rows, *value.shape[1:])) for name, value in feeds.items()}
