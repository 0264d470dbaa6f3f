"""What a run says of a system: which failures are known, which are new, and which behaviours they show."""
