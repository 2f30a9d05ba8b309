"""How the stand-in reads what is not one comment by itself."""
