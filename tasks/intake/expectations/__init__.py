"""What Great Expectations looks at, what came of it, and the pages that show it."""
