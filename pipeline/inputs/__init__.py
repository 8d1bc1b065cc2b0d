"""What a user sets: the command line and the config, read and checked before anything heavy is imported."""
