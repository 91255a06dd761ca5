"""The build context: which files docker sends, and whether they changed."""
