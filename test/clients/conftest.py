import json
import os
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "fraud"

NUMPY = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}


def values_of(datatype):
    """A [3, 4] array with the extremes of the type."""
    kind = NUMPY[datatype]
    if datatype == "BOOL":
        return np.arange(12).reshape(3, 4) % 2 == 0
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        return np.array([info.min, info.max, 0, 1] * 3, dtype=kind).reshape(3, 4)
    info = np.finfo(kind)
    return np.array([info.min, info.max, info.tiny, -0.0, np.nan, np.inf, -np.inf, 0.1] + [1.5] * 4, dtype=kind).reshape(3, 4)


@pytest.fixture(scope="session")
def http_address():
    return os.environ["SLIPWAY_TEST_HTTP"].removeprefix("http://")


@pytest.fixture(scope="session")
def grpc_address():
    return os.environ["SLIPWAY_TEST_GRPC"]


@pytest.fixture(scope="session", params=[1, 2], ids=["v1", "v2"])
def reference(request):
    """Version, features and probabilities as the training library computed them."""
    rows = [json.loads(line) for line in (EXAMPLE / f"reference-v{request.param}.jsonl").read_text().splitlines()]
    features = np.array([row["features"] for row in rows], dtype=np.float32)
    return str(request.param), features, np.array([row["probabilities"] for row in rows], dtype=np.float32)
