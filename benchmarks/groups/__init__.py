"""The groups of benchmarks: each module adds the lines of one group to the table."""
