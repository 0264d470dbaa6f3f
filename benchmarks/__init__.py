"""Measures the core: times and sizes (``make bench``), and instructions (``make instructions``)."""
