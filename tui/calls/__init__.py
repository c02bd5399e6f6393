"""What can be asked of the server, one file a noun: typed calls on a session."""

PAGE_SIZE = 100
