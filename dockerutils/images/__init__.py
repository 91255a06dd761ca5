"""The images of a project: what they are, how each type is made, and what stands on what."""
