"""One HTML page about a set of runs: how they were trained and what came of it."""
