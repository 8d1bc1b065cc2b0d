"""The bootstrap, intervals, Pareto fronts and mixes: numbers in, numbers out."""
