"""What is measured: each module adds the lines of one group to the table."""
