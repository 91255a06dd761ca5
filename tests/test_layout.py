"""The shape of the package: layers, one door for each effect, and limits of size.

The limits are a servant: where a design needs another, change it here and say why.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
import source_measure as measure
from source_measure import Module, Package, read_package

ROOT = Path(__file__).resolve().parents[1]

# From the lowest to the highest. A module imports only from lines above its own.
LAYERS = tuple(
    tuple(line.split())
    for line in """
    errors  command  terminal  naming  progress  schedule  files  signals  pipes
    docks.connection.sockets  docks.dock  docks.notebook.browser  docks.options
    docks.shell.dialect  docks.shell.quoting  docks.told  person  roots
    docks.entries  docks.notebook.jupyter  docks.places  docks.shell.bash  docks.shell.fish
    docks.shell.variables  docks.shell.zsh
    docks.connection.presence  docks.notebook.api  docks.seed_files  docks.sync.shelf
    docks.connection.status  docks.notebook.watch
    runner  docker_cli  board  build_log  meter
    engine  dry_runner
    docks.docked
    version.git  version.probe
    version.source
    version.file
    config.words  config.substitute  config.template  config.toml_lines  config.kind
    docks.binds  runs
    config.kinds  config.image_kinds  config.key
    config.run_keys  config.venv_keys  config.debian_keys  config.baked_keys
    config.publication_keys
    config.model
    config.problems  config.migrate  config.manual
    docks.registry
    config.ini_lines  config.checks
    config.ini  config.toml
    config.load  project
    images.dockerfile_text  context.pattern  context.stat_cache
    images.dockerfile_context
    images.dockerfile_syntax  context.ignore
    docks.sync.origin  docks.sync.tree
    docks.sync.manifest
    docks.sync.plan  docks.sync.here  docks.sync.landing  docks.sync.there
    context.tree
    session  expansion
    docks.chosen  docks.sync.site
    docks.sync.version_place
    docks.sync.outcome
    docks.sync.caution
    docks.sync.telling
    oci.digest  oci.media_types  oci.tar  oci.layout  oci.compress
    oci.descriptor  oci.wire_cache
    oci.digest_cache  oci.archive_files  oci.wire
    oci.layer
    oci.image
    oci.archive_reading
    oci.archive
    oci.registry.failures  oci.registry.reference
    oci.registry.addresses  oci.registry.credentials  oci.registry.patience  oci.registry.trust
    oci.registry.wire
    oci.registry.authentication
    oci.registry.exchange
    oci.registry.download  oci.registry.upload
    oci.registry.client
    venv.elf  venv.scripts  venv.debian_packages  venv.environment  venv.scan
    venv.elf_facts  venv.records  venv.relocation  venv.base_tree
    venv.ownership  venv.bytecode  venv.record_rows  venv.imports  venv.base
    venv.editable
    venv.grouping
    venv.pack  venv.material  venv.checks
    venv.bundle
    debian.apt_sources
    debian.archive  debian.bootstrap
    debian.failures
    debian.trees
    ssh.command
    docks.addresses  docks.registration.ssh_settings
    ssh.connection
    docks.errand
    docks.connection.master
    docks.connection.forwards  docks.connection.tunnel
    docks.connection.follower
    docks.connection.keeper
    docks.listing.mooring  docks.registration.host_keys  docks.sync.link
    docks.sync.transport
    docks.sync.exchange
    docks.sync.down  docks.sync.up
    docks.sync.both_ways
    docked_run
    ssh.host
    docks.listing.survey
    docks.listing.table  docks.notebook.serving  docks.registration.probe
    sources.source  sources.archive  sources.engine  sources.registry  sources.supply
    sources.zstd
    sources.base
    sinks.sink  sinks.files  sinks.blobs
    sinks.engine  sinks.registry  sinks.archive
    sinks.host
    destination
    aws.session  aws.ecr_host
    aws.ecr_script  aws.docker_settings  aws.ecr
    images.catalogue  images.baked
    docks.shell.completion
    docks.shell.shells
    docks.shell.docking
    docks.shell.entry
    images.baking
    images.recipe  images.inputs  images.build_secrets  images.project_folders
    images.requirements
    images.packages
    images.dockerfile  images.venv_parts  images.graph  freshness
    images.venv_assembly
    images.venv  images.debian
    images.recipes  steps  startup  svg  forecast  preparation  build_options
    aws.pull_logins  groundwork
    assemble
    execution
    work
    packing.options  publication.options  transfers.options  arguments
    docks.flags  flags
    packing.settings  packing.build_folder  packing.logged  packing.flags
    publication.names  publication.pins  publication.target  publication.flags
    publication.places
    publication.publishing
    transfers.pace  transfers.desk  transfers.delta  transfers.flags
    transfers.trial  transfers.fetching
    transfers.sending
    transfers.files
    build  run  containers  show  why  graph  genversion  venv2docker
    register_dock  ls_dock  ssh_dock  nb_dock  sync  sync_line
    publish  transfers.sources
    transfer
    cli_docks
    cli
    __main__
    """.strip().splitlines()
)

# What reaches outside: the names, as they are written or imported, and who may use them: these
# modules, or so many.
EFFECTS: dict[str, tuple[str, list[str] | int]] = {
    "starts processes": (
        "subprocess* multiprocessing* pty.* os.system os.popen os.fork* os.exec* os.*spawn*",
        ["runner"],
    ),
    "writes to the terminal": (
        "print typer.echo typer.secho *out.write *out.writelines *err.write *err.writelines",
        ["terminal"],
    ),
    "exits": ("sys.exit os._exit SystemExit exit quit", 2),
    "reads the environment": ("os.environ* os.getenv* os.putenv", 2),
    "reaches a network": (
        (
            "docker.* boto3* botocore* paramiko* requests.* urllib3* urllib.request* http.client*"
            " socket.*"
        ),
        4,
    ),
    "changes the folder": ("os.chdir os.fchdir contextlib.chdir", 0),
}


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(ROOT / "dockerutils")


def made_up(**sources: str) -> Package:
    """A package of these modules; a double underscore in a name stands for a dot."""
    named = {name.replace("__", "."): text for name, text in sources.items()}
    return Package("shop", {name: Module(name, text) for name, text in named.items()})


# Layers -------------------------------------------------------------------------------------


def test_every_module_has_one_layer(package: Package) -> None:
    listed = [name for layer in LAYERS for name in layer]
    modules = set(package.modules) - set(packages_of(package))

    without_layer, gone = modules - set(listed), set(listed) - modules

    assert not without_layer
    assert not gone
    assert len(set(listed)) == len(listed)


def test_every_import_goes_to_a_lower_layer(package: Package) -> None:
    layers = (packages_of(package), *LAYERS)

    assert not measure.upward_imports(package.imports(), layers)


def packages_of(package: Package) -> list[str]:
    return [name for name, module in package.modules.items() if module.is_package]


def test_no_modules_import_each_other(package: Package) -> None:
    assert not measure.cycle(package.imports())


def test_chains_of_imports_are_short(package: Package) -> None:
    chain = measure.longest_chain(package.imports(lazy=False))

    assert len(chain) <= 10, f"{len(chain)} modules, one below the other: {' → '.join(chain)}"


def test_packages_import_nothing(package: Package) -> None:
    statements = [
        f"{name or package.name}: {ast.unparse(statement)}"
        for name in packages_of(package)
        for statement in measure.import_statements(package.modules[name].tree)
    ]

    assert not statements


# Effects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS)
def test_each_effect_has_its_door(package: Package, effect: str) -> None:
    names, allowed = EFFECTS[effect]
    users = measure.users_of(package, names.split())

    if isinstance(allowed, int):
        assert len(users) <= allowed, f"{effect}: {users}"
    else:
        assert allowed == users


def test_no_module_keeps_what_changes(package: Package) -> None:
    assert not measure.changing_state(package)


# Sizes --------------------------------------------------------------------------------------


def test_functions_are_short(package: Package) -> None:
    figures = [one.lines for one in measure.functions(package)]
    median, p95 = measure.median_and_p95(figures)

    assert median <= 10
    assert p95 <= 35


@pytest.mark.parametrize(
    ("figure", "limit"), [("lines", 50), ("arguments", 10), ("complexity", 12), ("nesting", 4)]
)
def test_no_function_is_large(package: Package, figure: str, limit: int) -> None:
    measured = {one.name: getattr(one, figure) for one in measure.functions(package)}

    assert not {name: size for name, size in measured.items() if size > limit}


def test_no_module_is_large(package: Package) -> None:
    lengths = {name: module.lines for name, module in package.modules.items()}

    assert not {name: length for name, length in lengths.items() if length > 400}


def test_what_is_public_says_what_it_is(package: Package) -> None:
    silent, count = measure.without_docstring(package)

    assert len(silent) <= count * 0.1, f"without a docstring: {silent}"


def test_every_module_says_what_it_is(package: Package) -> None:
    assert not measure.modules_without_docstring(package)


def test_every_argument_and_result_has_a_type(package: Package) -> None:
    assert not measure.not_annotated(package)


def test_nothing_catches_every_exception(package: Package) -> None:
    assert not measure.broad_excepts(package)


# The tree -----------------------------------------------------------------------------------


def test_nothing_stands_before_the_docker_sdk() -> None:
    """A package or module `docker` of ours would be imported in the SDK's place."""
    assert not hiding_the_sdk(ROOT)


def hiding_the_sdk(root: Path) -> list[str]:
    """Name the files that would make `import docker` mean something of ours."""
    trees = [root / "docker", *(root / "examples").glob("*/docker")]
    packages = (path for tree in trees for path in tree.rglob("__init__.py"))
    ours = ("dockerutils", "tests", "benchmarks")
    modules = (path for folder in ours for path in (root / folder).rglob("docker.py"))
    at_the_root = (root / name for name in ("conftest.py", "docker.py"))
    found = (*packages, *modules, *(path for path in at_the_root if path.exists()))
    return sorted(str(path.relative_to(root)) for path in found)


@pytest.mark.parametrize(
    "path",
    [
        "docker/__init__.py",
        "docker/dev/__init__.py",
        "examples/hello/docker/base/__init__.py",
        "dockerutils/images/docker.py",
        "conftest.py",
        "docker.py",
    ],
)
def test_a_file_that_hides_the_docker_sdk_is_found(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()

    assert [path] == hiding_the_sdk(tmp_path)


# The measures themselves: each finds what it is there to find --------------------------------


def test_imports_are_found_however_they_are_written(tmp_path: Path) -> None:
    sources = {
        "__init__.py": "",
        "low.py": "",
        "images/__init__.py": "",
        "images/kind.py": "from . import other\nfrom ..low import name\nimport shop.top.deep\n",
        "images/other.py": "def later():\n    from shop import low\n",
        "top.py": "from shop.images.kind import name\nimport os\n",
    }
    for path, text in sources.items():
        (tmp_path / "shop" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / path).write_text(text)
    read = read_package(tmp_path / "shop")

    assert {"low", "images.other", "top"} == read.imports()["images.kind"]
    assert {"images.kind"} == read.imports()["top"]
    assert {"low"} == read.imports()["images.other"]
    assert set() == read.imports(lazy=False)["images.other"]


def test_an_import_of_an_own_or_a_higher_layer_is_found() -> None:
    graph = made_up(low="import shop.top", twin="import shop.low", top="import shop.low").imports()

    expected = ["low imports top", "twin imports low"]
    assert expected == measure.upward_imports(graph, (("low", "twin"), ("top",)))


def test_a_lazy_cycle_is_found() -> None:
    lazy = "def later():\n    import shop.{}\n"
    ring = measure.cycle(made_up(one=lazy.format("two"), two=lazy.format("one")).imports())

    assert {"one", "two"} == set(ring)


def test_the_longest_chain_is_found() -> None:
    package = made_up(a="import shop.b, shop.c", b="import shop.c", c="", d="import shop.c")
    expected = ["a", "b", "c"]

    assert expected == measure.longest_chain(package.imports())


@pytest.mark.parametrize(
    ("effect", "source"),
    [
        ("starts processes", "import subprocess"),
        ("starts processes", "from subprocess import run"),
        ("starts processes", "import os\nos.execvp('ls', ['ls'])"),
        ("writes to the terminal", "print('hello')"),
        ("writes to the terminal", "import sys\nsys.stdout.write('hello')"),
        ("writes to the terminal", "def f(self):\n    self.terminal.err.write('hello')"),
        ("exits", "import sys\nsys.exit(1)"),
        ("exits", "raise SystemExit(1)"),
        ("reads the environment", "import os\nhome = os.environ['HOME']"),
        ("reads the environment", "from os import getenv"),
        ("reaches a network", "def f():\n    from docker import DockerClient"),
        ("reaches a network", "import boto3"),
        ("changes the folder", "import os\nos.chdir('/')"),
        ("changes the folder", "from contextlib import chdir"),
    ],
)
def test_an_effect_is_found(effect: str, source: str) -> None:
    package = made_up(innocent="'print, sys.exit and os.environ are named only in text'", it=source)
    (user,) = measure.users_of(package, EFFECTS[effect][0].split())

    assert user == "it"


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    global x\n    x = 1",
        "known = []",
        "known: dict[str, int] = dict()",
        "TABLE = {}\ndef f():\n    TABLE['a'] = 1",
        "TABLE = {}\ndef f():\n    del TABLE['a']",
        "LIST = []\ndef f():\n    LIST.append(1)",
        "import functools\n@functools.lru_cache(9)\ndef f():\n    pass",
    ],
)
def test_state_of_a_module_is_found(source: str) -> None:
    (found,) = measure.changing_state(made_up(it=source))

    assert found.startswith("it:")


@pytest.mark.parametrize(
    "source", ["TABLE = {'a': 1}", "names = ('a', 'b')", "Kind = dict[str, int]"]
)
def test_a_constant_is_no_state(source: str) -> None:
    assert not measure.changing_state(made_up(it=source))


LARGE = """
def large(a, b, *c, d=1, **e):
    for x in a:
        if x and b or c:
            pass
        elif x:
            with x:
                pass
    def inner(self, y):
        return 1 if y else 2
"""


def test_a_function_is_measured_without_what_is_inside_it() -> None:
    large, inner = measure.functions(made_up(it=LARGE))

    expected = measure.Function("it:2 large", lines=9, arguments=5, complexity=6, nesting=3)
    assert expected == large
    assert measure.Function("it:9 inner", 2, arguments=1, complexity=2, nesting=0) == inner


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    hundred, single = (50, 95), (3, 3)

    assert hundred == measure.median_and_p95(range(1, 101))
    assert single == measure.median_and_p95([3])


@pytest.mark.parametrize(
    ("find", "source", "expected"),
    [
        (
            measure.without_docstring,
            "class A:\n    def b(self): ...\n    def _c(self): ...\ndef d():\n    'Documented.'",
            (["it:1 A", "it:2 b"], 3),
        ),
        (measure.modules_without_docstring, "a = 1", ["it"]),
        (
            measure.not_annotated,
            "def f(self, a, b: int, *, c): ...",
            ["it:1 f(a)", "it:1 f(c)", "it:1 f(its result)"],
        ),
        (measure.broad_excepts, "try: ...\nexcept Exception: ...", ["it:2"]),
        (measure.broad_excepts, "try: ...\nexcept (OSError, BaseException): ...", ["it:2"]),
        (measure.broad_excepts, "try: ...\nexcept: ...", ["it:2"]),
        (measure.broad_excepts, "try: ...\nexcept OSError: ...", []),
    ],
)
def test_what_is_missing_is_found(
    find: Callable[[Package], object], source: str, expected: object
) -> None:
    assert expected == find(made_up(it=source))
