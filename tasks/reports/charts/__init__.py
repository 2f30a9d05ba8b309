"""Pictures of what was measured over the last nights, as SVG that takes the page's colours.

`series` says what is drawn, `drawing` draws it with the plotting library, which is imported there alone and when
called: nothing but the closing of a night pays for it. `shapes` keeps of its output shapes and text, nothing else.
"""
