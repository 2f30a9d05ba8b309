"""Who is told what, once, in whose language."""
