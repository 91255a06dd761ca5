"""Prints the menu, and which interpreter does it."""

from __future__ import annotations

import sys

from bistro import page

print(page({"soup": 4, "fish & chips": 9}))
print(f"{sys.executable}, {sys.modules['markupsafe._speedups'].__file__}")
