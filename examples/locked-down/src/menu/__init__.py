"""Prints a menu."""
