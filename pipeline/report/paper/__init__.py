"""A report's fronts as tables that papers and leaderboards take as they are: one file of the package per format."""
