"""Today's menu, as a page."""

from __future__ import annotations

from jinja2 import Template

PAGE = Template(
    "Today:{% for dish, price in dishes.items() %} {{ dish|e }} {{ price }}{% endfor %}"
)


def page(dishes: dict[str, int]) -> str:
    """Write a menu."""
    return str(PAGE.render(dishes=dishes))
