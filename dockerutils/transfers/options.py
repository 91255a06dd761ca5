"""What the command line of transfer-image says, apart from what does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TransferOptions:
    """The options of transfer-image."""

    identity: str = ""
    from_host: str = ""
    output: str = ""
    input: str = ""
    base: str = ""
    compress: str = "auto"
    limit_rate: str = ""
    json: bool = False
    verbose: bool = False
