"""One conversion: load, convert, prove, make smaller, write."""

import importlib.metadata
import json
import platform
import sys

from .columns import typed
from .comparing import joined
from .failure import Refused
from .graph import operators, opsets
from .loading import load_model

PACKAGES = (
    "numpy", "scikit-learn", "xgboost", "lightgbm", "catboost", "torch", "tensorflow", "keras",
    "onnx", "skl2onnx", "onnxmltools", "tf2onnx", "onnxscript", "onnxruntime",
)  # fmt: skip


def convert(job):
    model = load_model(job)
    sample, labels = _sample(job)
    if job["flavor"] in ("pytorch", "tensorflow"):
        from .networks import prove_network as prove
    else:
        prove = _prove_table
    original, proved, compare_again = prove(job, model, sample)
    result = {
        "inputs": proved["inputs"],
        "attempts": proved["attempts"],
        "groups": proved["groups"],
        "total": proved["total"],
        "kind": original.kind,
        "estimator": type(original.model).__name__,
    }
    final = proved["model"]
    if job.get("quantize"):
        final = _make_smaller(job, proved, compare_again, labels, result)
    elif labels is not None:
        result["metric"] = compare_again(proved["runner"], labels)["metric"]
    content = final.SerializeToString()
    with open(job["output"], "wb") as file:
        file.write(content)
    return {**result, **_facts(final)}


def _facts(model):
    return {
        "opsets": opsets(model),
        "operators": operators(model),
        "irVersion": model.ir_version,
        "signature": {"inputs": _specs(model.graph.input), "outputs": _specs(model.graph.output)},
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _specs(values):
    import onnx

    return [
        {
            "name": value.name,
            "type": onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type),
            "shape": [each.dim_value if each.HasField("dim_value") else -1 for each in value.type.tensor_type.shape.dim],
        }
        for value in values
    ]


def _version(name):
    if name.replace("scikit-learn", "sklearn") not in sys.modules:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return getattr(sys.modules[name], "__version__", None)


def _sample(job):
    """The sample as a frame and its labels; both None without one."""
    import pandas as pd

    if job.get("sample") is None:
        return None, None
    with open(job["sample"], encoding="utf-8") as file:
        rows = json.load(file)
    frame = pd.DataFrame(rows)
    label = job.get("label")
    if label is None:
        return frame, None
    if label not in frame.columns:
        raise Refused(f"the sample has no column '{label}' for --label; it has {', '.join(map(str, frame.columns))}", "wrong_sample")
    return frame, frame[label].tolist()


def _prove_table(job, model, sample):
    from .proving import compare_groups, example_frame, groups_of, matching, prove_tabular
    from .quantizing import metric
    from .tabular import open_tabular

    original = open_tabular(job, model, sample)
    groups = groups_of(original, job, sample, example_frame(job, original.columns))
    proved = prove_tabular(original, job, groups)

    def again(runner, labels):
        reports = compare_groups(original, runner, groups, job["tolerance"])
        feeds = runner.feeds(groups[-1].frame if sample is not None else groups[0].frame, original.columns)
        answer = {"total": joined(reports), "groups": reports, "feeds": feeds}
        if labels is not None:
            frame = typed(sample, original.columns)
            got = runner.run(runner.feeds(frame, original.columns))
            expected = original.predict(frame)
            answer["metric"] = {**metric(original.kind, matching(expected, got), labels)}
            answer["metric"]["original"] = metric(original.kind, expected, labels)["value"]
        return answer

    return original, proved, again


def _make_smaller(job, proved, compare_again, labels, result):
    from .quantizing import quantized, remove_left_overs, size_of
    from .running import BATCH_ROWS, Runner, head_of

    smaller = quantized(proved["model"], job["quantize"])
    remove_left_overs()
    runner = Runner(smaller)
    before, after = compare_again(proved["runner"], labels), compare_again(runner, labels)
    total = after["total"]
    if "labelsAgree" in total:
        share = (total["labelsAgree"] + total["ties"]) / total["rows"]
        if share < job["agreement"]:
            raise Refused(
                f"after --quantize {job['quantize']} only {share:.2%} of the labels agree with the original, {job['agreement']:.2%} "
                "are asked for (--agreement). Nothing was kept",
                "not_equal",
            )

    def measured(model, runner, answer):
        feeds = answer["feeds"]
        return {
            "bytes": size_of(model),
            "oneRowMs": runner.median_ms(head_of(feeds, 1)),
            "batchMs": runner.median_ms(head_of(feeds, BATCH_ROWS)),
            "batchRows": BATCH_ROWS,
            **({"metric": answer["metric"]} if "metric" in answer else {}),
            "total": answer["total"],
        }

    result["quantized"] = {
        "how": job["quantize"],
        "before": measured(proved["model"], proved["runner"], before),
        "after": measured(smaller, runner, after),
    }
    return smaller
