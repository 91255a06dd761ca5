"""Docks: remote Docker hosts over SSH, which a terminal works on until it casts off."""
