"""A slice of examples decoded and scored."""
