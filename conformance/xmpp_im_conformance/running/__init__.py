"""Running vectors: what happens step by step, and what became of each vector."""
