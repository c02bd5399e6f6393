"""The twin of the terminal: every read is a `get`, every action a command, over the same REST API.

Standard output is data, standard error is narration. Nothing here may import Textual: a command starts in
the time of an import.
"""
