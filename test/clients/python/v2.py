"""As much of the Open Inference Protocol as the tests need: tensors in binary, both ways."""

import json
import struct
import urllib.error
import urllib.request

import numpy as np

DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip
NUMPY = {datatype: name for name, datatype in DATATYPES.items()}


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


def infer(http, model, inputs, parameters=None, outputs=()):
    """Arrays by name, or pairs where a name is given twice, in; arrays by name out."""
    heads, bodies = [], []
    for name, values in inputs.items() if isinstance(inputs, dict) else inputs:
        datatype, body = encode(values)
        shape = list(np.shape(values))
        heads.append({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(body)}})
        bodies.append(body)
    request = {"inputs": heads, "parameters": {**(parameters or {}), "binary_data_output": True}}
    if outputs:
        request["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    head = json.dumps(request).encode()
    reply, body, length = post(f"{http}/v2/models/{model}/infer", head + b"".join(bodies), len(head))
    at = length
    answer = {}
    for output in reply["outputs"]:
        size = output["parameters"]["binary_data_size"]
        answer[output["name"]] = decode(output["datatype"], output["shape"], body[at : at + size])
        at += size
    return answer


def post(url, body, head_bytes):
    request = urllib.request.Request(url, body, {"Inference-Header-Content-Length": str(head_bytes)})
    try:
        with urllib.request.urlopen(request) as response:
            reply = response.read()
            length = int(response.headers.get("Inference-Header-Content-Length", len(reply)))
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode()) from None
    return json.loads(reply[:length]), reply, length


def encode(values):
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        elements = [value if isinstance(value, bytes) else str(value).encode() for value in values.reshape(-1)]
        return "BYTES", b"".join(struct.pack("<I", len(element)) + element for element in elements)
    return DATATYPES[values.dtype.name], values.tobytes()


def decode(datatype, shape, data):
    if datatype != "BYTES":
        return np.frombuffer(data, dtype=NUMPY[datatype]).reshape(shape)
    elements, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        elements.append(data[at + 4 : at + 4 + size].decode(errors="surrogateescape"))
        at += 4 + size
    return np.array(elements, dtype=object).reshape(shape)
