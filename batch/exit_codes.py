"""What a command of the batch program returns to the shell."""

DONE = 0
FAILED = 1
WRONG_USAGE = 2
REFUSED = 3
"""By a gate: the quality of a bundle, the price of a build, or photographs in the way of a teardown."""
