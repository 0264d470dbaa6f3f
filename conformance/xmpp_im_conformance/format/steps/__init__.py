"""The kinds of steps. One class for each: it declares its fields, acts or looks, and tells itself in a story.

``base`` says what a kind of step is, and ``fields`` what its fields are. ``acts`` and ``looks`` hold the steps of a
scenario for servers, ``client`` those of a client scenario, ``rows`` those that only the rows of tables have.

To add a kind of step, write its class and put it into the tuple at the end of its module; its docstring is what the
page of the format says of it. If it needs something new of an implementation, give ``World`` a method that refuses it,
and let the drivers that can do it override that. ``python -m docs.generate`` writes the schema and the page anew.
"""
