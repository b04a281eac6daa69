"""Failures that a host can explain."""

import traceback

# Text beyond this is cut: it ends up in replies and logs.
REASON_CHARACTERS_MAX = 2000


class EngineError(Exception):
    """
    A failure with the one whose fault it is: the request's `input` or the `model`. An input refused by the signature
    could be read, but is not what that declares.
    """

    def __init__(self, fault, reason, by_signature=False):
        super().__init__(reason)
        self.fault = fault
        self.by_signature = by_signature


def failure_of(error, folder):
    """What the parent is told of an exception; one of the model's own code names its place in the model's folder."""
    if isinstance(error, EngineError):
        told = {"fault": error.fault, "reason": str(error)[:REASON_CHARACTERS_MAX]}
        return {**told, "bySignature": True} if error.by_signature else told
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {"fault": "model", "reason": text[:REASON_CHARACTERS_MAX] + _place(error, folder)}


def _place(error, folder):
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if folder and frame.filename.startswith(folder):
            return f" ({frame.filename[len(folder):].lstrip('/')}, line {frame.lineno})"
    return ""
