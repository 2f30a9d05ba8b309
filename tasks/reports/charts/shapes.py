"""Keeps of a drawn SVG what is seen: shapes and text, with classes for colours; no style, id, link or reference.

So equal charts are equal bytes (the library's ids are drawn by chance), nothing in them can be fetched or acted on,
and the page's own style sheet colours them in light and in dark.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup, escape

#: What a colour stands for: the class of what is drawn in it.
ROLES = {
    role: f"#0000{number:02x}"
    for number, role in enumerate(
        ("axis", "grid", "span", "version", "limit", "interval", "expected", "course", "night", "bad"), start=1
    )
}
_CLASSES = {written: role for role, colour in ROLES.items() for written in (colour, f"rgb(0,0,{int(colour[1:], 16)})")}
_NAMESPACE = "{http://www.w3.org/2000/svg}"
#: Elements that are kept, each with its attributes.
_KEPT = {
    "g": {"transform"},
    "line": {"x1", "x2", "y1", "y2", "stroke-dasharray"},
    "path": {"d", "stroke-dasharray"},
    "circle": {"cx", "cy", "r"},
    "rect": {"x", "y", "width", "height"},
    "text": {"x", "y", "text-anchor", "dy"},
    "tspan": set[str](),
}
_WIDTHS = {"line", "path"}
_LONG = re.compile(r"-?\d+\.\d+")


def clean(svg: str, title: str, description: str, key: str) -> Markup:
    """The drawing as an element of a page, with a title and a description for who does not see it."""
    root = ElementTree.fromstring(svg)
    width, height = (str(round(float(root.attrib[side]))) for side in ("width", "height"))
    inner = "".join(filter(None, map(_element, root)))
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{escape(key)}-t {escape(key)}-d"><title id="{escape(key)}-t">{escape(title)}</title>'
        f'<desc id="{escape(key)}-d">{escape(description)}</desc>{inner}</svg>'
    )


def _element(element: Element) -> str:
    """An element and what it holds, as far as anything of it is seen."""
    name = element.tag.removeprefix(_NAMESPACE)
    if name not in _KEPT:
        return ""
    inner = "".join(filter(None, map(_element, element)))
    text = str(escape(element.text.strip())) if name in ("text", "tspan") and element.text else ""
    if name == "g":
        transform = _short(element.get("transform", "").strip())
        if not inner or not transform:
            return inner
        return f'<g transform="{escape(transform)}">{inner}</g>'
    role = _role(element)
    if name not in ("text", "tspan") and role is None:  # the library's own background
        return ""
    if name in ("text", "tspan") and not (text or inner):
        return ""
    shown = {key: _short(value) for key, value in sorted(element.attrib.items()) if key in _KEPT[name]}
    if name in _WIDTHS and element.get("fill", "none") == "none":
        shown["stroke-width"] = _short(element.get("stroke-width", "1"))
    if role:
        shown["class"] = f"{role} {'stroke' if _is_stroke(element) else 'area'}"
    written = "".join(f' {key}="{escape(value)}"' for key, value in shown.items())
    return f"<{name}{written}>{text}{inner}</{name}>"


def _is_stroke(element: Element) -> bool:
    return element.get("fill", "none") == "none" or element.tag.endswith("line")


def _role(element: Element) -> str | None:
    painted = element.get("stroke") if _is_stroke(element) else element.get("fill")
    return _CLASSES.get(painted or "")


def _short(text: str) -> str:
    """Numbers to a tenth of a pixel."""
    return _LONG.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text)
