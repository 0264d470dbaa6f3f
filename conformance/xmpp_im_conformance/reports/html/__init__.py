"""The results as one page for people: self-contained, with a diagram of each vector."""
