"""Other machines over OpenSSH: its command lines, one connection, and what a Docker host says."""
