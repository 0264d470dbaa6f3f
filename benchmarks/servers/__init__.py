"""What whole servers take for the same work (``python -m benchmarks.servers``)."""
