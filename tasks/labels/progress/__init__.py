"""How far the labels of the days are: asked, answered, open, and how much the raters agree."""
