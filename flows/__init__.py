"""What Prefect runs: one file a flow; a flow reads as a table of contents."""
