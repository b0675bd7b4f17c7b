"""Distillery in Python. Each part is imported by its own name, such as `distillery.histories`, and needs what it says."""
