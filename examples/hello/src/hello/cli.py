"""The command `hello`."""

from __future__ import annotations

import argparse
import os

import cowsay

from hello._version import __version__
from hello.greeting import greeting


def main() -> None:
    """Print a greeting; the environment variable HELLO_WORD changes its first word."""
    parser = argparse.ArgumentParser(prog="hello", description="Greet people.")
    parser.add_argument("name", nargs="*", help="who is greeted (default: the world)")
    parser.add_argument("--cow", action="store_true", help="have a cow say it")
    parser.add_argument("--version", action="version", version=f"hello {__version__}")
    options = parser.parse_args()
    sentence = greeting(options.name, os.environ.get("HELLO_WORD") or "Hello")
    print(cowsay.get_output_string("cow", sentence) if options.cow else sentence)
