"""The package index and the certificates of this machine, as its own pip has them.

uv gets them as variables. Builds get them as secrets, so that no image and no key of the builder's
cache depends on them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.processes import Place

BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
SETTING = re.compile(r"(?m)^(:env:|install|global)\.([a-z-]+)='(.*)'$")
CA_IN_BUILD = "/run/secrets/ca"


def pip_settings(listed: str) -> dict[str, str]:
    """Give what `pip config list` has printed; the environment wins over the files."""
    found = sorted(SETTING.findall(listed), reverse=True)  # ":env:" sorts before the sections
    return {name: value for _, name, value in found}


def index_variables(settings: Mapping[str, str], bundle: str) -> dict[str, str]:
    """Give the variables by which uv and pip know the index, and trust it."""
    index = settings.get("index-url", "")
    extra = " ".join(
        word for word in settings.get("extra-index-url", "").split() if word.startswith("http")
    )
    named = {
        "UV_DEFAULT_INDEX": index,
        "PIP_INDEX_URL": index,
        "UV_INDEX": extra,
        "PIP_EXTRA_INDEX_URL": extra,
        "SSL_CERT_FILE": bundle,
        "PIP_CERT": bundle,
    }
    return {name: value for name, value in named.items() if value}


def this_machine() -> tuple[dict[str, str], str]:
    """Give pip's settings here, and the file with the certificates, or nothing."""
    settings = pip_settings(Place().run(sys.executable, "-m", "pip", "config", "list"))
    candidates = (os.environ.get("SSL_CERT_FILE", ""), settings.get("cert", ""), *BUNDLES)
    return settings, next((file for file in candidates if file and Path(file).is_file()), "")


def variables_here() -> dict[str, str]:
    """Give the variables for uv on this machine."""
    settings, bundle = this_machine()
    return index_variables(settings, bundle)


def build_secrets(folder: Path) -> tuple[str, ...]:
    """Write the secrets for builds; gives docker's options. `. /run/secrets/machine` sets them."""
    settings, bundle = this_machine()
    variables = index_variables(settings, CA_IN_BUILD if bundle else "")
    machine = folder / "machine"
    machine.write_text("".join(f"export {name}='{value}'\n" for name, value in variables.items()))
    machine.chmod(0o600)
    ca = (f"--secret=id=ca,src={bundle}",) if bundle else ()
    return (f"--secret=id=machine,src={machine}", *ca)
