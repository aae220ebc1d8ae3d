"""The little of Terraform's language that the module is written in."""

import json
import re

# What fits on a line is written on one.
COLUMNS = 96


class Expression(str):
    """Text that is an expression already."""


class Block:
    """A block: its labels, its attributes in order, and the blocks in it."""

    def __init__(self, kind, *labels):
        self.head = " ".join([kind, *(f'"{label}"' for label in labels)])
        self.attributes, self.inner, self.comment = {}, [], None

    def __setitem__(self, name, value):
        self.attributes[name] = value

    def __getitem__(self, name):
        return self.attributes[name]

    def block(self, kind):
        self.inner.append(Block(kind))
        return self.inner[-1]

    def __str__(self):
        lines = [f"# {line}" for line in self.comment or ()] + [f"{self.head} {{"]
        lines += [f"{name} = {formatted(value)}" for name, value in self.attributes.items()]
        for block in self.inner:
            lines += ["", str(block).rstrip()]
        return "\n".join([*lines, "}\n"])


def text(value):
    """A text as it stands between quotes."""
    return literal(json.dumps(value, ensure_ascii=False)[1:-1])


def literal(value):
    """A text of several lines, in which nothing is put in."""
    return value.replace("${", "$${").replace("%{", "%%{")


def conditional(condition, when, otherwise):
    """`when` if the condition holds; what is None may be left out of a list that it is in."""
    found = Expression(f"{condition} ? {formatted(when)} : {formatted(otherwise)}")
    found.condition, found.when, found.otherwise = condition, when, otherwise
    return found


def formatted(value):
    """A value as an expression. In a dictionary `#` is a comment before it."""
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, str):
        return f'"{text(value)}"'
    return "null" if value is None else json.dumps(value)


def _object(value):
    lines = []
    for key, part in value.items():
        if key != "#":
            key = key if re.fullmatch(r"[A-Za-z_]\w*", key) else f'"{text(key)}"'
            lines.append(f"{key} = {formatted(part)}")
    one = f"{{ {', '.join(lines)} }}"
    if len(lines) < 2 and len(one) < COLUMNS - 20 and "\n" not in one:
        return one
    return "\n".join(["{", *lines, "}"])


def _list(items):
    """A list; members that are there on a condition only are lists of their own behind it."""
    always = [item for item in items if not _left_out(item)]
    sometimes = [
        f"{item.condition} ? {formatted([item.when])} : []" for item in items if _left_out(item)
    ]
    parts = [_commented(item) for item in always]
    found = f"[{', '.join(parts)}]"
    if len(found) > COLUMNS or "\n" in found:
        found = "[\n" + "".join(f"{part},\n" for part in parts) + "]"
    return f"concat({', '.join([found, *sometimes])})" if sometimes else found


def _commented(item):
    said = item.get("#") if isinstance(item, dict) else None
    return "".join(f"# {line}\n" for line in said or ()) + formatted(item)


def _left_out(item):
    return isinstance(item, Expression) and getattr(item, "otherwise", "") is None
