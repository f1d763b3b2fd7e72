"""Measured comparisons: each prints a table of ratios, both sides timed in one run."""
