"""The page: views over the engine."""
