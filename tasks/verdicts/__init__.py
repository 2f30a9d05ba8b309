"""One verdict for each comment; the books; published in one commit."""
