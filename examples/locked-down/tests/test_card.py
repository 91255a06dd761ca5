"""The line that is printed."""

from __future__ import annotations

from menu.card import card


def test_dishes_stand_with_their_prices_in_order() -> None:
    line = "Menu: tea 1, cake 3"
    assert line == card({"tea": 1, "cake": 3})
