"""What a run tells people and programs: on the terminal, as JSON, as JUnit XML, and as an HTML page."""
