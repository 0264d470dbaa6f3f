"""The vectors as an artefact: what a program in another language copies into its repository.

``contents`` says which files belong to it, ``manifest`` describes them, ``folder`` writes them, and ``versions`` says
which version they have.
"""
