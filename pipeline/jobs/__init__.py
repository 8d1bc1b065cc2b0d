"""What `job=` and the first word of a command can ask for."""
