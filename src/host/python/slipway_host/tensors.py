"""Tensors in Slipway's canonical form, as numpy arrays; and the payloads that carry them. See src/host/frame.ts and src/tensor."""

import struct

import numpy as np

from .failure import EngineError

# The order is the number of a type in a frame.
DATATYPES = (
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES",
)  # fmt: skip

NUMPY_TYPES = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
# A tensor of this name's ending marks the nulls of the tensor of the name before it. No client can send one, nor gets any.
NULL_SUFFIX = "\0null"

_DATATYPE_OF = {dtype: name for name, dtype in NUMPY_TYPES.items()}

_COUNTS = struct.Struct("<dHH")
_LENGTH16 = struct.Struct("<H")
_LENGTH32 = struct.Struct("<I")
_PADDING = bytes(8)


def datatype_of(dtype):
    """The datatype of a numpy type; None for one that has none."""
    return _DATATYPE_OF.get(dtype.newbyteorder("<"))


class Tensor:
    """A named array whose bytes lie in the payload it came in."""

    __slots__ = ("name", "datatype", "shape", "data")

    def __init__(self, name, datatype, shape, data):
        self.name = name
        self.datatype = datatype
        self.shape = shape
        self.data = data

    def array(self):
        """A view of the bytes. BF16 comes as float32, which holds every value of it; BYTES as an array of bytes."""
        if self.datatype == "BYTES":
            array = np.empty(_count(self.shape), dtype=object)
            array[:] = split_bytes(self.data)
            return array.reshape(self.shape)
        if self.datatype == "BF16":
            wide = np.frombuffer(self.data, dtype="<u2").astype("<u4") << 16
            return wide.view("<f4").reshape(self.shape)
        return np.frombuffer(self.data, dtype=NUMPY_TYPES[self.datatype]).reshape(self.shape)

    def strings(self):
        """The elements of a BYTES tensor as text, flat."""
        return [_text(element, self.name, index) for index, element in enumerate(split_bytes(self.data))]


def split_bytes(data):
    """The elements of a BYTES tensor, each behind its length."""
    data = bytes(data)
    elements = []
    at = 0
    end = len(data)
    unpack = _LENGTH32.unpack_from
    while at < end:
        start = at + 4
        at = start + unpack(data, at)[0]
        elements.append(data[start:at])
    return elements


def join_bytes(elements):
    pieces = []
    for element in elements:
        pieces.append(_LENGTH32.pack(len(element)))
        pieces.append(element)
    return b"".join(pieces)


def tensor_of(name, datatype, array):
    """The tensor of an array that has the numpy type of `datatype` already; for BYTES an array of bytes."""
    if datatype == "BYTES":
        return Tensor(name, datatype, array.shape, join_bytes(array.reshape(-1).tolist()))
    if datatype == "BF16":
        # Why: to the nearest, to even on a tie, as other converters do; a NaN stays one.
        bits = np.ascontiguousarray(array, dtype="<f4").view("<u4")
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        packed = np.where(np.isnan(array), np.uint16(0x7FC0), rounded)
        return Tensor(name, datatype, array.shape, packed.tobytes())
    packed = np.ascontiguousarray(array, dtype=NUMPY_TYPES[datatype])
    return Tensor(name, datatype, array.shape, memoryview(packed.reshape(-1)).cast("B") if packed.size else b"")


def read_tensors(payload):
    """The names of the wanted outputs and the tensors of a run frame; the tensors view the payload."""
    metadata_bytes = _LENGTH32.unpack_from(payload)[0]
    _, wanted_count, tensor_count = _COUNTS.unpack_from(payload, 4)
    at = 16
    wanted = []
    for _ in range(wanted_count):
        name, at = _read_name(payload, at)
        wanted.append(name)
    tensors = []
    data_at = _padded(4 + metadata_bytes)
    for _ in range(tensor_count):
        datatype = DATATYPES[payload[at]]
        rank = payload[at + 1]
        name, at = _read_name(payload, at + 2)
        numbers = struct.unpack_from(f"<{1 + rank}d", payload, at)
        at += 8 * (1 + rank)
        size = int(numbers[0])
        shape = tuple(map(int, numbers[1:]))
        tensors.append(Tensor(name, datatype, shape, payload[data_at : data_at + size]))
        data_at = _padded(data_at + size)
    return wanted, tensors


def write_tensors(number, tensors, layout=()):
    """The pieces of a result frame's payload: `number` is the run's duration in ms, `layout` that of predictions."""
    metadata = [_COUNTS.pack(number, len(layout), len(tensors))]
    for text in layout:
        name = text.encode()
        metadata += (_LENGTH16.pack(len(name)), name)
    pieces = []
    for tensor in tensors:
        name = tensor.name.encode()
        size = len(tensor.data)
        metadata.append(bytes((DATATYPES.index(tensor.datatype), len(tensor.shape))))
        metadata.append(_LENGTH16.pack(len(name)))
        metadata.append(name)
        metadata.append(struct.pack(f"<{1 + len(tensor.shape)}d", size, *tensor.shape))
        pieces.append(tensor.data)
        pieces.append(_PADDING[: _padded(size) - size])
    head = b"".join(metadata)
    gap = _padded(4 + len(head)) - 4 - len(head)
    return [_LENGTH32.pack(len(head)) + head + _PADDING[:gap], *pieces]


def _read_name(payload, at):
    size = _LENGTH16.unpack_from(payload, at)[0]
    at += 2 + size
    return str(payload[at - size : at], "utf-8"), at


def _padded(size):
    return (size + 7) & ~7


def _count(shape):
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def _text(element, name, index):
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise EngineError("input", f"input '{name}': element {index} is not valid UTF-8") from None
