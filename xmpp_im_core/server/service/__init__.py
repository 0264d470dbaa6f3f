"""Many accounts at several domains as one machine, and what it offers to clients."""
