"""Ways to convert a model over columns, the best first. Which one holds is decided by comparing, not by trust."""

import warnings

import numpy as np

from .failure import Refused, first_line
from .graph import finish
from .source_trees import lightgbm_trees, parts_of, tree_groups
from .tree_mending import mend_trees

# What ONNX Runtime 1.30 runs on the CPU throughout.
OPSET_DEFAULT = 21
ML_OPSET = 3
# onnxmltools writes nothing that newer operator sets changed.
TOOLS_OPSET_DEFAULT = 15

FEATURES = "features"


def tabular_candidates(original, job):
    """Pairs of what is tried and the function that converts so."""
    convert = CONVERTERS[original.flavor]
    for layout, wide, text in _layouts(original, float_only=bool(job.get("quantize"))):
        yield text, lambda layout=layout, wide=wide: finish(convert(original, layout, wide, job.get("opset")), original)


def _layouts(original, float_only):
    kinds = {column.kind for column in original.columns}
    has_double = bool(kinds & {"double", "long"}) and not float_only
    numeric = "string" not in kinds
    if numeric:
        if has_double and original.flavor in ("sklearn", "lightgbm"):
            yield "tensor", True, "one tensor of FP64"
        yield "tensor", False, "one tensor of FP32"
    if original.flavor == "sklearn" and (not numeric or _selects_columns(original.model)):
        if has_double:
            yield "columns", True, "an input a column, each of its type"
            yield "numbers", True, "an input a column, numbers as FP64"
        yield "numbers", False, "an input a column, numbers as FP32"


def _selects_columns(model):
    return any(hasattr(part, "transformers_") for part in parts_of(model))


def _initial_types(original, layout, wide, types):
    number = types.DoubleTensorType if wide else types.FloatTensorType
    if layout == "tensor":
        return [(FEATURES, number([None, len(original.columns)]))]
    made = []
    for column in original.columns:
        if column.kind == "string":
            kind = types.StringTensorType
        elif layout == "numbers" or column.kind in ("double", "float"):
            kind = number
        elif column.kind == "boolean":
            kind = types.BooleanTensorType
        else:
            kind = types.Int64TensorType
        made.append((column.name, kind([None, 1])))
    return made


def _sklearn(original, layout, wide, opset):
    import skl2onnx
    from skl2onnx.common import data_types

    _register_boosters()
    newest = min(OPSET_DEFAULT, skl2onnx.__max_supported_opset__)
    for part in parts_of(original.model):
        if getattr(part, "flatten_transform", False):
            # Why: the converter refuses it, though it concerns transform() alone.
            part.flatten_transform = False
    _take_booleans_for_integers()
    _take_infinite_thresholds()
    final = original.model.steps[-1][1] if hasattr(original.model, "steps") else original.model
    for options in _options(original):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = skl2onnx.convert_sklearn(
                    original.model,
                    initial_types=_initial_types(original, layout, wide, data_types),
                    options=options and {id(final): options},
                    target_opset={"": opset or newest, "ai.onnx.ml": ML_OPSET},
                )
            return mend_trees(made, tree_groups(original.model), wide)
        except NameError:
            # The option is not one of this estimator's.
            continue
    raise Refused("the converter takes none of the options")


def _take_booleans_for_integers():
    """Newer versions of onnx refuse the booleans that skl2onnx writes into lists of integers."""
    import onnx

    made = onnx.helper.make_attribute
    if getattr(made, "takes_booleans", False):
        return

    def make_attribute(key, value, *rest, **named):
        if isinstance(value, list) and any(isinstance(each, (bool, np.bool_)) for each in value):
            value = [int(each) for each in value]
        return made(key, value, *rest, **named)

    make_attribute.takes_booleans = True
    onnx.helper.make_attribute = make_attribute


def _take_infinite_thresholds():
    """Trees that only ask whether a value is missing have infinite thresholds, for which skl2onnx would search forever."""
    from skl2onnx.common import tree_ensemble

    search = tree_ensemble.sklearn_threshold
    if getattr(search, "takes_infinity", False):
        return

    def sklearn_threshold(value, dtype, mode):
        return search(value, dtype, mode) if np.isfinite(value) else value

    sklearn_threshold.takes_infinity = True
    tree_ensemble.sklearn_threshold = sklearn_threshold


def _options(original):
    """Options to try, since each estimator knows only some of them."""
    if original.kind != "classifier":
        return [None]
    if hasattr(original.model, "predict_proba"):
        return [{"zipmap": False}, None]
    return [{"zipmap": False, "raw_scores": True}, {"raw_scores": True}, {"zipmap": False}, None]


def _register_boosters():
    """Tells skl2onnx of XGBoost and LightGBM as steps of a pipeline, where they are installed."""
    import importlib.util

    if importlib.util.find_spec("onnxmltools") is None:
        return
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes as classifier_shapes,
    )
    from skl2onnx.common.shape_calculator import (
        calculate_linear_regressor_output_shapes as regressor_shapes,
    )

    choices = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    if importlib.util.find_spec("xgboost"):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
        from xgboost import XGBClassifier, XGBRegressor

        update_registered_converter(XGBClassifier, "SlipwayXgbClassifier", classifier_shapes, convert_xgboost, options=choices)
        update_registered_converter(XGBRegressor, "SlipwayXgbRegressor", regressor_shapes, convert_xgboost)
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMClassifier, LGBMRegressor
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        update_registered_converter(LGBMClassifier, "SlipwayLgbmClassifier", classifier_shapes, convert_lightgbm, options=choices)
        update_registered_converter(LGBMRegressor, "SlipwayLgbmRegressor", regressor_shapes, convert_lightgbm, options={"split": None})


def _xgboost(original, layout, wide, opset):
    import onnxmltools
    from onnxmltools.convert.common import data_types

    model = original.model
    names = model.feature_names if type(model).__name__ == "Booster" else model.get_booster().feature_names
    if names is not None:
        model = _without_names(model)
    return onnxmltools.convert_xgboost(
        model, initial_types=_initial_types(original, layout, wide, data_types), target_opset=_tools_opset(opset)
    )


def _without_names(model):
    """A copy of the model whose trees name columns by position, as the converter reads them."""
    import copy

    bare = copy.deepcopy(model)
    booster = bare if type(bare).__name__ == "Booster" else bare.get_booster()
    booster.feature_names = None
    booster.feature_types = None
    return bare


def _lightgbm(original, layout, wide, opset):
    import onnxmltools
    from onnxmltools.convert.common import data_types

    made = onnxmltools.convert_lightgbm(
        original.model,
        initial_types=_initial_types(original, layout, False, data_types),
        target_opset=_tools_opset(opset),
        zipmap=False,
    )
    booster = getattr(original.model, "booster_", original.model)
    trees = lightgbm_trees(booster)
    if trees is None and wide:
        raise Refused("trees that split by category compare FP32")
    if wide:
        import onnx

        for value in made.graph.input:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return mend_trees(made, [trees or []], wide)


def _tools_opset(opset):
    return opset or TOOLS_OPSET_DEFAULT


def _catboost(original, layout, wide, opset):
    import onnx

    model = original.model
    if model.get_cat_feature_indices():
        raise Refused(
            "CatBoost writes no ONNX for models with categorical columns; encode them before the model (OneHotEncoder) and train again",
            "unsupported_model",
        )
    path = "catboost.onnx"
    model.save_model(path, format="onnx", export_parameters={"onnx_domain": "slipway", "onnx_graph_name": "model"})
    made = onnx.load(path)
    for value in made.graph.input:
        if value.name != FEATURES:
            from .graph import rename

            rename(made, value.name, FEATURES)
    return made


CONVERTERS = {"sklearn": _sklearn, "xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}


def explain(error):
    """What a converter's exception means for the user, without its pages of advice."""
    name = type(error).__name__
    if name == "MissingShapeCalculator" or name == "MissingConverter":
        import re

        found = re.search(r"type '<class '([^']+)'>'", str(error)) or re.search(r"for operator '?([A-Za-z0-9_.]+)", str(error))
        which = found.group(1) if found else "a part of the pipeline"
        return f"there is no converter for {which}"
    return f"{name}: {first_line(error)}"
