"""Finds a conversion that answers as the original does."""

from .columns import columns_of_frame, typed
from .comparing import compare, joined
from .failure import Refused
from .running import Runner
from .sampling import draw_rows, fitting
from .tabular_candidates import explain, tabular_candidates


class Rows:
    """A group of rows with what the original answers; drawn ones may be rounded to what an input holds."""

    def __init__(self, name, frame, drawn):
        self.name = name
        self.frame = frame
        self.drawn = drawn


def groups_of(original, job, sample, example):
    """The rows to compare on: the input example, and the sample or, without one, drawn rows."""
    groups = []
    if example is not None:
        groups.append(Rows("input example", example, False))
    if sample is not None:
        groups.append(Rows("sample", typed(sample, original.columns), False))
    learned = example if example is not None else (groups[-1].frame if groups else None)
    drawn = draw_rows(original, learned, job["rows"], job["seed"])
    if sample is not None:
        # The sample says what is typical; missing values and unknown categories are in it if they occur.
        return groups
    for name, frame in drawn.items():
        if name == "typical" or _takes(original, frame):
            groups.append(Rows(name, frame, True))
    return groups


def _takes(original, frame):
    try:
        original.predict(frame)
        return True
    except Exception:
        return False


def prove_tabular(original, job, groups):
    """The first candidate that answers as the original does, with the comparison; Refused tells how each fell short."""
    attempts = []
    for text, convert in tabular_candidates(original, job):
        try:
            model = convert()
            runner = Runner(model)
            reports = compare_groups(original, runner, groups, job["tolerance"])
        except Refused as refused:
            attempts.append({"inputs": text, "problem": str(refused)})
            continue
        except MemoryError as error:
            raise Refused("the conversion took more memory than --memory allows", "out_of_memory") from error
        except Exception as error:
            attempts.append({"inputs": text, "problem": explain(error)})
            continue
        total = joined(reports)
        if total["equal"]:
            return {"model": model, "runner": runner, "inputs": text, "groups": reports, "total": total, "attempts": attempts}
        attempts.append({"inputs": text, "problem": _difference(total, reports)})
    raise Refused(_failure(original, attempts), "not_equal" if _converted(attempts) else "unsupported_model")


def compare_groups(original, runner, groups, tolerance):
    reports = []
    kinds = runner.kinds(original.columns)
    for rows in groups:
        frame = fitting(rows.frame, original.columns, kinds) if rows.drawn else rows.frame
        try:
            expected = original.predict(frame)
        except Exception as error:
            raise Refused(f"the original model fails on the rows of '{rows.name}': {explain(error)}", "wrong_sample") from error
        got = runner.run(runner.feeds(frame, original.columns))
        reports.append({"name": rows.name, **compare(expected, matching(expected, got), tolerance)})
    return reports


def matching(expected, got):
    """Scores of two classes, of which a decision function has only the second."""
    import numpy as np

    matched = dict(got)
    for name, wanted in expected.items():
        if name in got and np.ndim(wanted) == 1 and np.ndim(got[name]) == 2 and np.shape(got[name])[1] == 2 and name != "label":
            matched[name] = np.asarray(got[name])[:, 1]
    return matched


def _difference(total, reports):
    worst = max(reports, key=lambda report: (report.get("labelsDiffer", 0) + report["beyond"], report["maxAbsolute"]))
    text = f"differs by up to {total['maxAbsolute']:.3g} in {total['beyond']} of {total['rows']} rows"
    if total.get("labelsDiffer"):
        text += f", {total['labelsDiffer']} labels are other ones"
    return f"{text}, most among the rows of '{worst['name']}'"


def _converted(attempts):
    return any(attempt["problem"].startswith("differs") for attempt in attempts)


def _failure(original, attempts):
    name = type(original.model).__name__
    texts = [column.name for column in original.columns if column.kind == "string"]
    if not attempts:
        return f"ONNX has only numbers as inputs of {name}, and the columns {', '.join(texts)} hold texts; encode them before the model"
    told = "; ".join(f"{attempt['inputs']}: {attempt['problem']}" for attempt in attempts)
    if _converted(attempts):
        return (
            f"no conversion of {name} answers as the original does ({told}). Nothing was kept. A larger --tolerance may be right "
            "if the difference is small; real rows as --sample show whether it matters"
        )
    return f"{name} can't be converted ({told}). Serve it as a Python model instead, or save a pipeline of parts that have converters"


def example_frame(job, columns):
    """The input example of an MLflow model, where it is a table of the model's columns."""
    import json

    import pandas as pd

    path = job.get("example")
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if isinstance(found, dict) and "data" in found:
            frame = pd.DataFrame(found["data"], columns=found.get("columns"))
        elif isinstance(found, list):
            frame = pd.DataFrame(found)
        else:
            return None
        if [*map(str, frame.columns)] != [column.name for column in columns] and len(frame.columns) == len(columns):
            frame.columns = [column.name for column in columns]
        return typed(frame, columns) if len(frame) > 0 and columns_of_frame(frame) else None
    except (ValueError, Refused):
        return None
