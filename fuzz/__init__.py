"""Fuzzing that stays: bytes guided by coverage, and events by chance. ``make fuzz SECONDS=600`` runs it."""
