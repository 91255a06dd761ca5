"""The registry client: the OCI distribution protocol, with docker's own credentials."""
