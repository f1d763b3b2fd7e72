"""Prunescope's compression engine: recipes in, compressed and measured models out."""
