"""Tells of modules, without running them, when they surely lack the function that they are there for.

Given pairs of a path and names with commas between: the module must define one of them, or a class Model that does.
Says nothing of a module that may have it by ways that only running it would show.
"""

import ast
import os
import sys

BYTES_MAX = 8 * 1024 * 1024
# Names by which a module may come to functions that are not written out in it.
DYNAMIC = {"exec", "eval", "globals", "locals", "vars", "setattr", "__dict__", "__getattr__", "modules"}


class Scope(ast.NodeVisitor):
    """The names that a body binds, itself and not what lies within its functions and classes."""

    def __init__(self, body):
        self.names = set()
        self.classes = {}
        self.unclear = False
        for statement in body:
            self.visit(statement)

    def visit_FunctionDef(self, node):
        self.names.add(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        self.names.add(node.name)
        self.classes[node.name] = node

    def visit_Lambda(self, node):
        pass

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_alias(self, node):
        self.unclear = self.unclear or node.name == "*"
        self.names.add(node.asname or node.name.split(".")[0])

    def generic_visit(self, node):
        # Handlers of exceptions and patterns of match have their names as text.
        for field in ("name", "rest"):
            if isinstance(bound := getattr(node, field, None), str):
                self.names.add(bound)
        super().generic_visit(node)


def lacks(tree, wanted):
    module = Scope(tree.body)
    if module.unclear or module.names & wanted or any(is_dynamic(node, wanted) for node in ast.walk(tree)):
        return False
    if "Model" not in module.names:
        return True
    model = module.classes.get("Model")
    if model is None or model.bases or model.keywords or model.decorator_list:
        return False
    scope = Scope(model.body)
    return not (scope.unclear or scope.names & wanted)


def is_dynamic(node, wanted):
    if isinstance(node, ast.Global):
        return bool(wanted & set(node.names))
    if isinstance(node, ast.Attribute):
        return node.attr in DYNAMIC or (node.attr in wanted and isinstance(node.ctx, ast.Store))
    if isinstance(node, ast.FunctionDef):
        return node.name in DYNAMIC
    return isinstance(node, ast.Name) and node.id in DYNAMIC


def problem(path, wanted):
    name = os.path.basename(path)
    if not os.path.isfile(path) or os.path.getsize(path) > BYTES_MAX:
        return None
    with open(path, "rb") as file:
        source = file.read()
    try:
        tree = ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    if not lacks(tree, set(wanted)):
        return None
    return f"{name} must define {wanted[0]}(inputs), or a class Model that does"


for place in range(1, len(sys.argv), 2):
    try:
        found = problem(sys.argv[place], sys.argv[place + 1].split(","))
    except (RecursionError, MemoryError, OSError):
        found = None
    if found is not None:
        print(found)
        sys.exit(1)
