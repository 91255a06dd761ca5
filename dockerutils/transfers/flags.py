"""The options of transfer-image on the command line."""

from __future__ import annotations

from dockerutils.arguments import flag

TRANSFER_FLAGS = {
    "identity": flag(
        "-i", "--identity", metavar="KEY", help="Use this key, else $SSH_KEY, or what ssh finds."
    ),
    "from_host": flag("--from", metavar="HOST", help="Get the image from a host instead."),
    "output": flag(
        "--output", metavar="FILE|oci:DIR", help="Write what a site without a network needs."
    ),
    "input": flag("--input", metavar="FILE", help="Take the image from such a file."),
    "base": flag(
        "--base", metavar="IMAGE", help="Leave out of the file what whoever has IMAGE has."
    ),
    "compress": flag(
        "--compress", metavar="auto|zstd|gzip|none", help="How layers travel; auto: as both can."
    ),
    "limit_rate": flag("--limit-rate", metavar="RATE", help="Send no faster: 500k, 2M a second."),
    "json": flag("--json", help="Tell on standard output what became of each destination."),
    "verbose": flag("-v", "--verbose", help="Print our questions to the local engine as well."),
}
