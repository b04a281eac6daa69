"""Failures that a host can explain."""

import traceback

# Text beyond this is cut: it ends up in replies and logs.
REASON_CHARACTERS_MAX = 2000


class EngineError(Exception):
    """A failure with the one whose fault it is: the request's `input` or the `model`."""

    def __init__(self, fault, reason):
        super().__init__(reason)
        self.fault = fault


def failure_of(error, folder):
    """What the parent is told of an exception; one of the model's own code names its place in the model's folder."""
    if isinstance(error, EngineError):
        return {"fault": error.fault, "reason": str(error)[:REASON_CHARACTERS_MAX]}
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {"fault": "model", "reason": text[:REASON_CHARACTERS_MAX] + _place(error, folder)}


def _place(error, folder):
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if folder and frame.filename.startswith(folder):
            return f" ({frame.filename[len(folder):].lstrip('/')}, line {frame.lineno})"
    return ""
