"""What flows show in the Prefect UI beside the run itself."""
