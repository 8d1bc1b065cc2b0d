"""Settings and their records as a report takes them: read, measured, named, summed up as points."""
