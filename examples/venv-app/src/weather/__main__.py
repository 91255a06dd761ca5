"""The web server: `GET /?days=3,5,10` answers with JSON."""

from __future__ import annotations

import sys

from flask import Flask, Response, jsonify, request
from waitress import serve

from weather import summary

app = Flask("weather")


@app.get("/")
def days() -> Response | tuple[Response, int]:
    """Summarise the days of the question."""
    words = request.args.get("days", "").split(",")
    try:
        return jsonify(summary([float(word) for word in words]))
    except ValueError:
        return jsonify(error="ask for /?days=3,5,10"), 400


@app.get("/python")
def python() -> Response:
    """Tell which interpreter serves, and where it found numpy."""
    return jsonify(executable=sys.executable, numpy=sys.modules["numpy"].__file__)


if __name__ == "__main__":
    serve(app, listen="0.0.0.0:8000")
