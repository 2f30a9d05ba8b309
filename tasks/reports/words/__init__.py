"""What report and overview say: a module a language for sentences made of codes and numbers, and what fills them in.

The texts of the page itself stand in its templates, in English; `page_japanese.toml` has each of them in Japanese.
"""
