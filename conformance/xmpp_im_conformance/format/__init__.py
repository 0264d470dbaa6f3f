"""The format of vectors: files into vectors, the matching of stanzas, and what a driver has to be able to do."""
