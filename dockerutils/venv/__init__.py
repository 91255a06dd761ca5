"""A virtualenv, read and made into layers."""
