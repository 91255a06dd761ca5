"""The project's own code: it imports `framework`, whichever variant that is."""

from __future__ import annotations

import framework

print(f"mean {framework.mean([1, 2, 6]):g}, on the {framework.DEVICE}")
