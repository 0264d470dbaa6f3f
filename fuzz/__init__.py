"""Fuzzing: bytes guided by coverage, and events drawn at random. ``make fuzz SECONDS=600`` runs it."""
