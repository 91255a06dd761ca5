"""Moving images between hosts: what is sent, how it goes on after a cut, and files on the way."""
