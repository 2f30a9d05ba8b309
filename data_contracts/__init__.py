"""Every schema once: tables, JSON lines and stored documents that the parts agree on.

Nothing here does I/O or imports another part of the project.
"""
