"""Quality over several nights: what is kept of a day's labels, and the figures of a week and of four."""
