"""The connection to a dock: the ssh master, its keeper, and the ports that come through it."""
