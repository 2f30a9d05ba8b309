"""A range of days judged again: the request, its plan, its terms and its record."""
