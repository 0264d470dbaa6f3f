"""Many accounts at several domains as one machine, and the features that it offers."""
