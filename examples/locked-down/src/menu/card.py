"""The menu, and the command that prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

DISHES = {"soup": 4, "bread": 2}
CARD = Template("Menu: {{ dishes | join(', ') }}")


def card(dishes: Mapping[str, int]) -> str:
    """Return the line for some dishes and their prices."""
    return CARD.render(dishes=[f"{dish} {price}" for dish, price in dishes.items()])


def main() -> None:
    """Print today's menu."""
    print(card(DISHES))
