"""Programs that a project's own interpreter runs, to ask its version tool; they only read.

Each is handed to `python -c` in the project's root and answers with one JSON object: the facts,
or `missing` (a module that could not be imported), or `failed` (what the tool raised).
"""

from __future__ import annotations

# What a tool or a process of it prints is talk: only the answer goes to standard output.
# The root goes to the end of the import path, so that no file of the project hides a library.
BEGINNING = """\
import sys
sys.path[:] = [place for place in sys.path if place]
import json, os, warnings
sys.path.append(os.getcwd())
warnings.simplefilter("ignore")
out = os.dup(1)
os.dup2(2, 1)
"""

ENDING = """
try:
    facts = probe()
except ImportError as error:
    facts = {"missing": error.name or str(error)}
except Exception as error:
    facts = {"failed": type(error).__name__ + ": " + str(error)}
os.write(out, json.dumps(facts).encode())
"""

# versioneer 0.18, which many projects still hold, knows the parser by a name that left in 3.12.
VERSIONEER_PROBE = """
def old_names():
    import configparser
    class SafeConfigParser(configparser.ConfigParser):
        def readfp(self, file):
            self.read_file(file)
    if not hasattr(configparser, "SafeConfigParser"):
        configparser.SafeConfigParser = SafeConfigParser

def the_project_s_own(path):
    from importlib import util
    spec = util.spec_from_file_location("versioneer", path)
    versioneer = util.module_from_spec(spec)
    spec.loader.exec_module(versioneer)
    return versioneer

def probe():
    old_names()
    path = os.path.abspath("versioneer.py")
    if os.path.exists(path):
        versioneer = the_project_s_own(path)
    else:
        import versioneer
    return {"versions": versioneer.get_versions()}
"""

# The file is written by the tool, elsewhere, with the suffix that its own file has.
RENDERING = """
def rendered(version, path, template, commit):
    import inspect, tempfile
    from setuptools_scm import dump_version
    more = {}
    if commit and "scm_version" in inspect.signature(dump_version).parameters:
        more["scm_version"] = commit[0]
    name = "version" + (os.path.splitext(path or "")[1] or ".py")
    with tempfile.TemporaryDirectory() as folder:
        dump_version(folder, version, name, template, **more)
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return {"version": version, "text": file.read()}
"""

# A version scheme that answers None passes the question on: ours sees what the tool found.
SETUPTOOLS_SCM_PROBE = """
def configuration():
    from setuptools_scm import Configuration
    try:
        return Configuration.from_file("pyproject.toml")
    except LookupError:
        return Configuration(root=".")

def probe():
    from setuptools_scm import _get_version
    config = configuration()
    path = getattr(config, "version_file", None) or config.write_to
    template = getattr(config, "version_file_template", None) or config.write_to_template
    config.version_file = config.write_to = None
    seen = []
    schemes = config.version_scheme
    schemes = list(schemes) if isinstance(schemes, (list, tuple)) else [schemes]
    config.version_scheme = [seen.append] + schemes
    version = _get_version(config)
    if version is None:
        raise LookupError("it finds no version here")
    return rendered(version, path, template, seen)
"""

HATCH_VCS_PROBE = """
def hook(build):
    places = [build] + list(build.get("targets", {}).values())
    found = [place["hooks"]["vcs"] for place in places if "vcs" in place.get("hooks", {})]
    return found[0] if found else {}

def probe():
    import hatch_vcs
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager
    metadata = ProjectMetadata(os.getcwd(), PluginManager())
    own = hook(metadata.hatch.build_config)
    return rendered(metadata.version, own.get("version-file"), own.get("template"), [])
"""

PROBES = {
    "versioneer": BEGINNING + VERSIONEER_PROBE + ENDING,
    "setuptools-scm": BEGINNING + RENDERING + SETUPTOOLS_SCM_PROBE + ENDING,
    "hatch-vcs": BEGINNING + RENDERING + HATCH_VCS_PROBE + ENDING,
}
