"""Several nodes on one engine: each holds streams of clients, and owns some of the partitions."""
