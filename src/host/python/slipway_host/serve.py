"""Answers frames until the link closes: one load, then runs."""

import json
import os
import sys
import time
import traceback

from . import link as frames
from .failure import EngineError, failure_of
from .link import Link
from .watch import settle_in


def main():
    link = Link()
    settle_in(link)
    link.write_json(frames.HELLO, 0, {"pid": os.getpid()})
    model = None
    folder = ""
    while True:
        kind, call_id, payload = link.read()
        try:
            if kind == frames.LOAD:
                order = json.loads(bytes(payload))
                folder = os.path.dirname(order["path"])
                model = load(order)
                link.write_json(frames.LOADED, call_id, report(model))
            else:
                run(link, call_id, payload, model)
        except Exception as error:
            if kind == frames.LOAD and not isinstance(error, EngineError):
                traceback.print_exc()
            link.write_json(frames.FAILED, call_id, failure_of(error, folder))
        except BaseException as error:
            end(error)


def load(order):
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise EngineError("model", f"the interpreter {sys.executable} can not import numpy: {error}") from error
    if os.path.basename(order["path"]) == "MLmodel":
        from .mlflow_model import MlflowModel

        return MlflowModel(order)
    from .module_model import ModuleModel

    return ModuleModel(order)


def report(model):
    return {
        "signature": model.signature,
        **({} if model.batched is None else {"batched": model.batched}),
        "metadata": model.metadata,
        "memoryBytes": resident_bytes(),
        "runtime": model.runtime,
    }


def run(link, call_id, payload, model):
    if model is None:
        raise EngineError("model", "no model is loaded")
    from .tensors import read_tensors, write_tensors

    wanted, tensors = read_tensors(payload)
    started_at = time.perf_counter()
    outputs = model.run(tensors, wanted)
    compute_ms = (time.perf_counter() - started_at) * 1000
    link.write(frames.RESULT, call_id, write_tensors(compute_ms, outputs, getattr(outputs, "layout", ())))


def end(error):
    """sys.exit in a model ends its host: the parent counts it as a crash, and reads the reason."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        print(f"the model called sys.exit({error.code!r})", file=sys.stderr, flush=True)
    else:
        code = 1
        traceback.print_exception(error)
    sys.stdout.flush()
    os._exit(code)


def resident_bytes():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
