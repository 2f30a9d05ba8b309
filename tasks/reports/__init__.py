"""What people read: the night's summary and page, lines for log and terminal, the catalog."""
