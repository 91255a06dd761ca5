"""What venv2docker needs besides the build: its options, its folder, its log."""
