"""
Converters write the thresholds of trees as FP32, some of which land on the other side of a number, and lose where a
missing value goes. Here every node of an ONNX tree is put right by the node of the library's tree it was made from.
"""

import numpy as np

ENSEMBLES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


def mend_trees(model, groups, wide):
    """
    `groups` are the trees of every tree model within the original; each is looked for in the graph by its structure, and
    what is not found stays as the converter made it. `wide`: the trees compare FP64.
    """
    mended = False
    for node in model.graph.node:
        if node.op_type in ENSEMBLES:
            table = _Table(node)
            mended = any(table.mend(trees, wide) for trees in groups if trees) or mended
    if mended and wide:
        for entry in model.opset_import:
            if entry.domain == "ai.onnx.ml":
                entry.version = max(entry.version, 3)
    return model


class _Table:
    """The nodes of one ensemble: columns of attributes, a row a node."""

    def __init__(self, node):
        self.node = node
        self.attributes = {attribute.name: attribute for attribute in node.attribute}
        self.trees = self._integers("nodes_treeids")
        self.nodes = self._integers("nodes_nodeids")
        self.features = self._integers("nodes_featureids")
        self.yes = self._integers("nodes_truenodeids")
        self.no = self._integers("nodes_falsenodeids")
        self.modes = list(self.attributes["nodes_modes"].strings)
        self.values = self._values()
        self.row = {key: index for index, key in enumerate(zip(self.trees.tolist(), self.nodes.tolist(), strict=True))}

    def _integers(self, name):
        return np.array(self.attributes[name].ints, dtype=np.int64)

    def mend(self, trees, wide):
        """Whether the trees are those of this ensemble."""
        roots = list(dict.fromkeys(self.trees.tolist()))
        if len(roots) != len(trees):
            return False
        thresholds, missing = {}, {}
        for root, tree in zip(roots, trees, strict=True):
            if not self._walk(root, tree, wide, (thresholds, missing)):
                return False
        self._write(thresholds, missing, wide)
        return True

    def _walk(self, root, tree, wide, found):
        first = next(index for index, each in enumerate(self.trees) if each == root)
        waiting = [(first, 0)]
        while waiting:
            row, at = waiting.pop()
            leaf = tree.left[at] < 0
            if leaf != (self.modes[row] == b"LEAF"):
                return False
            if leaf:
                continue
            if self.modes[row] != b"BRANCH_LEQ" or self.features[row] != tree.feature[at]:
                return False
            # Why: small trees of one shape are many; their thresholds tell them apart.
            if not np.isclose(self.values[row], tree.threshold[at], rtol=1e-5, atol=1e-30):
                return False
            found[0][row] = _threshold(float(tree.threshold[at]), tree.rounds, wide)
            found[1][row] = int(tree.missing_left[at])
            waiting.append((self.row[root, int(self.yes[row])], int(tree.left[at])))
            waiting.append((self.row[root, int(self.no[row])], int(tree.right[at])))
        return True

    def _write(self, thresholds, missing, wide):
        rows = np.array(list(thresholds), dtype=np.int64)
        values = self.values.copy()
        if rows.size:
            values[rows] = list(thresholds.values())
        tracks = np.zeros(len(self.trees), dtype=np.int64)
        if rows.size:
            tracks[rows] = list(missing.values())
        self._replace("nodes_missing_value_tracks_true", "nodes_missing_value_tracks_true", tracks.tolist())
        if not wide:
            self._replace("nodes_values", "nodes_values", values.astype(np.float32).tolist())
            return
        self._as_tensor("nodes_values", values)
        prefix = "class" if self.node.op_type == "TreeEnsembleClassifier" else "target"
        for name in (f"{prefix}_weights", "base_values"):
            if name in self.attributes:
                self._as_tensor(name, np.array(self.attributes[name].floats, dtype=np.float64))

    def _values(self):
        if "nodes_values" in self.attributes:
            return np.array(self.attributes["nodes_values"].floats, dtype=np.float64)
        import onnx

        return onnx.numpy_helper.to_array(self.attributes["nodes_values_as_tensor"].t).astype(np.float64)

    def _as_tensor(self, name, numbers):
        import onnx

        self._replace(name, f"{name}_as_tensor", onnx.numpy_helper.from_array(np.asarray(numbers, dtype=np.float64), name))

    def _replace(self, old, new, value):
        import onnx

        for name in {old, new} & set(self.attributes):
            self.node.attribute.remove(self.attributes.pop(name))
        made = onnx.helper.make_attribute(new, value)
        self.node.attribute.append(made)
        self.attributes[new] = self.node.attribute[-1]


def _threshold(exact, rounds, wide):
    """
    The threshold that decides for the ONNX input as `exact` does for the library's. An FP32 x is <= t when it is <= the
    FP32 below t. A library that rounds x to FP32 first sends left every double that rounds to that one.
    """
    below = np.float32(exact)
    if float(below) > exact:
        below = np.nextafter(below, np.float32(-np.inf))
    if not wide:
        return float(below)
    if not rounds:
        return exact
    middle = (float(below) + float(np.nextafter(below, np.float32(np.inf)))) / 2
    goes_down = np.float32(middle) == below
    return middle if goes_down else float(np.nextafter(middle, -np.inf))
