"""The parts of Learn."""
