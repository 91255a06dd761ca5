"""What ls-dock tells of the docks."""
