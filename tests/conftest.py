"""What holds for every test."""

import gc

# Prefect, Great Expectations, botocore and the tests themselves leave a million objects that live as long as the
# process: looking through them again and again takes a tenth of the time.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    """What is there now stays until the end: nobody needs to look at it again."""
    gc.collect()
    gc.freeze()
