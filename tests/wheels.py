"""Small distributions as wheels, to be installed without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(
    folder: Path, name: str, files: Mapping[str, str | bytes], scripts: Mapping[str, str]
) -> Path:
    """Write a wheel of version 1.0; `scripts` are names of programs and their functions."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-1.0.dist-info"
    points = "".join(f"{script} = {function}\n" for script, function in scripts.items())
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{points}",
    }
    data = {
        path: text.encode() if isinstance(text, str) else text for path, text in content.items()
    }
    rows = [f"{path},{hashed(one)},{len(one)}\n" for path, one in data.items()]
    data[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, one in data.items():
            wheel.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), one)
    return path


def hashed(content: bytes) -> str:
    """Give a hash as it stands in a RECORD."""
    digest = hashlib.sha256(content).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
