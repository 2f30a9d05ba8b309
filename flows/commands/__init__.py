"""The commands of the command line: they read what they are given, call what does it, and say how it ended."""
