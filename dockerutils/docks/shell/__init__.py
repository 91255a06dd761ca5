"""What a shell is told: the variables, the prompt and the functions of a docked terminal."""
