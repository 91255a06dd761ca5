"""Measures of a Python package, taken from its sources: what test_layout.py sets limits to."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*DEFINITIONS, ast.ClassDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
BRANCHES = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.comprehension),
    *(ast.Assert, ast.match_case),
)
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict")
CHANGERS = re.compile(
    "add|append|clear|discard|extend|insert|pop|popitem|remove|reverse|setdefault|sort|update"
)
Graph = Mapping[str, set[str]]
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """The figures of one function."""

    name: str
    lines: int
    arguments: int
    complexity: int
    nesting: int


@dataclass(frozen=True)
class Module:
    """A module's source; its name is the path below the package: `config.model`."""

    name: str
    text: str = field(repr=False)
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.text)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it mentions, dotted as they are written or imported."""
        nodes = [*ast.walk(self.tree)]
        mentioned = (
            ast.unparse(one) for one in nodes if isinstance(one, (ast.Name, ast.Attribute))
        )
        imported = (name for node in nodes for name in written_targets(node, []))
        return frozenset((*mentioned, *imported))

    @property
    def lines(self) -> int:
        """How long it is."""
        return len(self.text.splitlines())

    def place(self, node: ast.AST) -> str:
        """Tell where a node stands."""
        return f"{self.name or '__init__'}:{getattr(node, 'lineno', 1)}"


@dataclass(frozen=True)
class Package:
    """The modules of a package by their names."""

    name: str
    modules: Mapping[str, Module] = field(repr=False)

    def imports(self, lazy: bool = True) -> dict[str, set[str]]:
        """Tell which modules each module imports; without `lazy`, only those at its own import."""
        return {
            name: set(self._targets(module, import_statements(module.tree, lazy)))
            for name, module in self.modules.items()
        }

    def _targets(self, module: Module, statements: Iterable[ast.stmt]) -> Iterator[str]:
        for statement in statements:
            for target in written_targets(statement, self._home(module)):
                known = self._longest_known(target)
                if known is not None and known != module.name:
                    yield known

    def _home(self, module: Module) -> list[str]:
        parts = [self.name, *module.name.split(".")] if module.name else [self.name]
        return parts if module.is_package else parts[:-1]

    def _longest_known(self, target: str) -> str | None:
        """Give the module that a dotted name is, or is in; None for one of another package."""
        first, _, name = target.partition(".")
        if first != self.name:
            return None
        while name not in self.modules and name:
            name = name.rpartition(".")[0]
        return name if name in self.modules else None


def read_package(folder: Path) -> Package:
    """Read all modules below a folder."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, path.read_text(encoding="utf-8"), is_package)
    return Package(folder.name, modules)


def import_statements(node: ast.AST, lazy: bool = True) -> Iterator[ast.stmt]:
    """Give the imports in a source, with or without those that do not run at its own import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif lazy or not (isinstance(child, DEFINITIONS) or _for_types_only(child)):
            yield from import_statements(child, lazy)


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def written_targets(statement: ast.AST, home: list[str]) -> Iterator[str]:
    """Give the dotted names that an import in the package `home` means."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        kept = home[: len(home) - statement.level + 1] if statement.level else []
        base = ".".join([*kept, *filter(None, [statement.module])])
        yield from (f"{base}.{alias.name}" for alias in statement.names)


def cycle(graph: Graph) -> list[str]:
    """Give modules that import each other in a ring, if there are any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        return ring
    return []


def longest_chain(graph: Graph) -> list[str]:
    """Give the longest chain of modules, each of which imports the next."""
    chains: dict[str, list[str]] = {}
    for name in TopologicalSorter(graph).static_order():
        below = (chains[other] for other in graph[name])
        chains[name] = [name, *max(below, key=len, default=[])]
    return max(chains.values(), key=len, default=[])


def upward_imports(graph: Graph, layers: Iterable[Iterable[str]]) -> list[str]:
    """Name the imports that do not go to a lower layer; `layers` begins with the lowest.

    A module without a layer stands above all when it is imported, and below all when it imports.
    """
    height = {name: number for number, layer in enumerate(layers) for name in layer}
    return [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in sorted(others)
        if height.get(other, len(height)) >= height.get(name, -1)
    ]


def functions(package: Package) -> list[Function]:
    """Measure every function and method, those inside others as well."""
    return [
        Function(
            name=f"{module.place(node)} {node.name}",
            lines=(node.end_lineno or node.lineno) - node.lineno + 1,
            arguments=len(arguments(node)),
            complexity=complexity(node),
            nesting=nesting(node),
        )
        for module in package.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, DEFINITIONS)
    ]


def arguments(node: Definition) -> list[ast.arg]:
    """Give the arguments of a function without `self` and `cls`."""
    spec = node.args
    every = (*spec.posonlyargs, *spec.args, spec.vararg, *spec.kwonlyargs, spec.kwarg)
    return [one for one in every if one and one.arg not in ("self", "cls")]


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a function, but not into the functions and classes inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, SCOPES):
            yield child
            yield from own_nodes(child)


def complexity(node: Definition) -> int:
    """Count the ways through a function: one, and one more for each place where it branches."""
    total = 1
    for child in own_nodes(node):
        total += isinstance(child, BRANCHES)
        total += len(child.values) - 1 if isinstance(child, ast.BoolOp) else 0
    return total


def nesting(node: ast.AST) -> int:
    """Count the blocks around the innermost statement; an `elif` stands beside its `if`."""
    return max(
        (
            nesting(child) + (isinstance(child, BLOCKS) and not _is_elif(child, node))
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, SCOPES)
        ),
        default=0,
    )


def _is_elif(child: ast.AST, parent: ast.AST) -> bool:
    return isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]


def median_and_p95(figures: Iterable[int]) -> tuple[int, int]:
    """Give two percentiles, by the nearest rank."""
    ordered = sorted(figures)
    median, p95 = (-(-len(ordered) * share // 100) - 1 for share in (50, 95))
    return ordered[median], ordered[p95]


def without_docstring(package: Package) -> tuple[list[str], int]:
    """Name the public classes and functions that say nothing of themselves, and count all."""
    public = [
        (f"{module.place(node)} {node.name}", ast.get_docstring(node))
        for module in package.modules.values()
        for node in _public(module.tree)
    ]
    return [name for name, text in public if not text], len(public)


def _public(node: ast.AST) -> Iterator[Definition | ast.ClassDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SCOPES) and not child.name.startswith("_"):
            yield child
            yield from _public(child) if isinstance(child, ast.ClassDef) else ()
        elif isinstance(child, (ast.If, ast.Try)):
            yield from _public(child)


def modules_without_docstring(package: Package) -> list[str]:
    """Name the modules that do not say what they are; an empty one has nothing to say."""
    return [
        name
        for name, one in package.modules.items()
        if one.text and not ast.get_docstring(one.tree)
    ]


def not_annotated(package: Package) -> list[str]:
    """Name the arguments and results without a type."""
    return [
        f"{module.place(node)} {node.name}({slot})"
        for module in package.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, DEFINITIONS)
        for slot, annotation in (
            *((one.arg, one.annotation) for one in arguments(node)),
            ("its result", node.returns),
        )
        if annotation is None
    ]


def broad_excepts(package: Package) -> list[str]:
    """Name the places that catch every exception."""
    return [
        module.place(node)
        for module in package.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type)
    ]


def _is_broad(caught: ast.expr | None) -> bool:
    each = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(one is None or ast.unparse(one) in ("Exception", "BaseException") for one in each)


def users_of(package: Package, names: Iterable[str]) -> list[str]:
    """Name the modules that use one of these names; a `*` in a name stands for anything."""
    pattern = re.compile("|".join(map(fnmatch.translate, names)))
    return [
        name for name, module in package.modules.items() if any(map(pattern.match, module.names))
    ]


def changing_state(package: Package) -> list[str]:
    """Name the places where a module keeps what changes: `global`, a cache, or a table that is
    not in capitals, or that is written to after it was made."""
    return [
        f"{module.place(node)} {ast.unparse(node).splitlines()[0]}"
        for module in package.modules.values()
        for node in _changes(module.tree)
    ]


def _changes(tree: ast.Module) -> Iterator[ast.AST]:
    names = module_names(tree)
    for name, value in names.items():
        if (
            not name.strip("_").isupper()
            and name != "__all__"
            and (isinstance(value, MUTABLE) or _callee(value) in MAKERS)
        ):
            yield value
    for node in ast.walk(tree):
        cached = isinstance(node, DEFINITIONS) and _is_cached(node)
        if cached or isinstance(node, ast.Global) or _changed_name(node) in names:
            yield node


def module_names(tree: ast.Module) -> dict[str, ast.expr]:
    """Give the names that a module binds to values at its top."""
    bound: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound.update({one.id: node.value for one in targets if isinstance(one, ast.Name)})
    return bound


def _is_cached(node: Definition) -> bool:
    names = {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}
    return bool(names & {"cache", "lru_cache"})


def _callee(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _changed_name(node: ast.AST) -> str:
    """Give the name whose value a node changes in place: `NAME[...] = `, `NAME.append(...)`."""
    changed: ast.AST | None = None
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        changed = node.value
    elif isinstance(node, ast.AugAssign):
        changed = node.target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value if CHANGERS.fullmatch(node.func.attr) else None
    return changed.id if isinstance(changed, ast.Name) else ""
