"""The host's end of the link to its parent: frames over the socket that the parent opened as file descriptor 3.

u32 length of what follows | u32 kind | u32 call id | payload; little-endian. See src/host/frame.ts.
"""

import json
import os
import socket
import struct

HELLO, LOAD, LOADED, FAILED, RUN, RESULT = 1, 2, 3, 4, 5, 6

_HEADER = struct.Struct("<III")
_FRAME_BYTES_MAX = 2**31 - 1
# Most requests and their header come in one read of this size.
_STAGING_BYTES = 64 * 1024
# Far below the system's limit of pieces in one write (IOV_MAX, 1024).
_PIECES_MAX = 512


class Link:
    """Reads and writes whole frames; ends the process when the parent is gone."""

    def __init__(self):
        # Why: under another number, and closed on exec, the model's own programs don't get it.
        self._socket = socket.socket(fileno=os.dup(3))
        os.close(3)
        self._socket.setblocking(True)
        self._staging = bytearray(_STAGING_BYTES)
        self._view = memoryview(self._staging)
        self._filled = 0

    def fileno(self):
        return self._socket.fileno()

    def read(self):
        """The next frame: kind, id, payload. The payload is memory of its own, since a model may keep what it is given."""
        while self._filled < _HEADER.size:
            self._fill()
        length, kind, call_id = _HEADER.unpack_from(self._staging)
        payload_bytes = length - (_HEADER.size - 4)
        if payload_bytes < 0 or length > _FRAME_BYTES_MAX:
            raise SystemExit(f"the parent sent a frame of {length} bytes")
        payload = _memory(payload_bytes)
        there = min(self._filled - _HEADER.size, payload_bytes)
        payload[:there] = self._view[_HEADER.size : _HEADER.size + there]
        self._drop(_HEADER.size + there)
        while there < payload_bytes:
            there += self._received(self._socket.recv_into(payload[there:]))
        return kind, call_id, payload

    def write_json(self, kind, call_id, value):
        payload = json.dumps(value).encode()
        self.write(kind, call_id, [payload])

    def write(self, kind, call_id, pieces):
        """One frame of several pieces, in one write where the system takes it."""
        pieces = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        size = sum(map(len, pieces))
        pieces.insert(0, memoryview(_HEADER.pack(size + _HEADER.size - 4, kind, call_id)))
        while pieces:
            sent = self._socket.sendmsg(pieces[:_PIECES_MAX])
            while pieces and sent >= len(pieces[0]):
                sent -= len(pieces.pop(0))
            if sent:
                pieces[0] = pieces[0][sent:]

    def _fill(self):
        self._filled += self._received(self._socket.recv_into(self._view[self._filled :]))

    def _drop(self, count):
        rest = self._filled - count
        if rest:
            self._staging[:rest] = self._staging[count : self._filled]
        self._filled = rest

    @staticmethod
    def _received(count):
        if count == 0:
            os._exit(0)
        return count


def _memory(size):
    """Writable memory for a payload, 16-aligned; numpy's isn't cleared first. A load comes before numpy is there."""
    try:
        import numpy
    except ImportError:
        return memoryview(bytearray(size))
    return memoryview(numpy.empty(size, dtype=numpy.uint8))
