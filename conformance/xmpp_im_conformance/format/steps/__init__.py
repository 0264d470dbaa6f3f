"""The kinds of steps. One class for each: it reads itself from JSON, acts or looks, and tells itself in a story.

``base`` says what a kind of step is. ``acts`` and ``looks`` hold the steps of a scenario for servers, ``client`` those
of a client scenario, ``rows`` those that only the rows of tables have.
"""
