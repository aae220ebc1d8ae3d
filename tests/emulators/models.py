"""A request against what AWS publishes about its operation: botocore's model of it.

`problems` says what AWS would not understand of a request as it crossed the wire:
members it does not know, missing ones, wrong types, enums, lengths, patterns and
ranges, and names of filters, which no model has but the documentation in it. The
model comes from AWS with each release of botocore (data/<service>/*/service-2.json),
so that nobody here keeps a list of what a call takes.
"""

import base64
import binascii
import functools
import html
import json
import re
import threading
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.session
import cbor2
import regex

# What every request of the query protocols has beside its operation's input.
_OF_EVERY_FORM = ("Action", "Version")

_loading = threading.Lock()


@functools.cache
def _service(name):
    return botocore.session.get_session().get_service_model(name)


def service(name):
    """The model of a service, by the name botocore has for it."""
    with _loading:  # a model of EC2 takes a second to load, and is not for two threads
        return _service(name)


def problems(service_name, operation, method, path, headers, body):
    """What is wrong with a request, as sentences; none if AWS would understand it."""
    model = service(service_name)
    if operation not in model.operation_names:
        return [f"{service_name} has no operation {operation}"]
    model = model.operation_model(operation)
    if service_name == "s3":
        found = _rest(model, method, path, headers)
    elif model.service_model.metadata["protocol"] == "rest-json":
        found = _rest_json(model, path, headers, body)
    elif "/operation/" in path:
        found = _check(model.input_shape, cbor2.loads(body) if body else {}, "")
    elif target := headers.get("X-Amz-Target"):
        found = _json(model, target, body)
    else:
        found = _form(model, body.decode("utf-8", "replace"))
    return [f"{service_name}:{operation}: {problem}" for problem in found]


def unlike(service_name, operation, said):
    """What of an answer is not as AWS's model of the operation has it, as sentences."""
    shape = service(service_name).operation_model(operation).output_shape
    return [f"{service_name}:{operation}: {problem}" for problem in _check(shape, said, "")]


def addressed(service_name, method, path):
    """The operation that a request means by its method and its path; None if there is none."""
    model = service(service_name)
    for name in model.operation_names:
        http = model.operation_model(name).http
        if http["method"] == method and _labels(http["requestUri"], path) is not None:
            return name
    return None


def filters(service_name, operation):
    """The names an EC2 operation's documentation lists for its filters; `<key>` in one
    stands for anything."""
    members = service(service_name).operation_model(operation).input_shape.members
    return {
        name: _listed(member.documentation)
        for name, member in members.items()
        if member.name == "FilterList"
    }


# --- What a value must be ------------------------------------------------------


def _check(shape, value, place):
    """The problems of a value, as JSON and CBOR carry it."""
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, place)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{place} is no list: {value!r}"
            return
        yield from _range(shape, len(value), place, "members")
        for i, item in enumerate(value):
            yield from _check(shape.member, item, f"{place}[{i}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{place} is no map: {value!r}"
            return
        yield from _range(shape, len(value), place, "entries")
        for key, item in value.items():
            yield from _check(shape.key, key, f"{place}, the key {key}")
            yield from _check(shape.value, item, f"{place}.{key}")
    else:
        yield from _scalar(shape, value, place)


def _structure(shape, value, place):
    if not isinstance(value, dict):
        yield f"{place or 'the input'} is no structure: {value!r}"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{_below(place, name)} is required"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{_below(place, name)} is unknown"
            continue
        member = shape.members[name]
        yield from _check(member, item, _below(place, name))
        if member.name == "FilterList":
            yield from _filter_names(member, item, _below(place, name))
        keys = _valid_keys(member.documentation) if isinstance(item, str) else None
        if keys and not _is_listed(item, keys):
            yield f"{_below(place, name)}: there is no filter {item!r}"


def _below(place, name):
    return f"{place}.{name}" if place else name


_TYPES = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, datetime),
    "blob": (bytes, str),
}


def _scalar(shape, value, place):
    kind = shape.type_name
    wrong = not isinstance(value, _TYPES[kind])
    if wrong or (isinstance(value, bool) and kind != "boolean"):
        yield f"{place} is no {kind}: {value!r}"
        return
    if kind == "string":
        yield from _range(shape, len(value), place, "characters")
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            yield f"{place} is none of {allowed}: {value!r}"
        pattern = shape.metadata.get("pattern")
        # Of the whole value: many patterns have no anchors, and mean it all the same.
        if pattern and not regex.fullmatch(_in_python(pattern), value):
            yield f"{place} does not match {pattern}: {value!r}"
    elif kind == "blob":
        if isinstance(value, str):
            try:
                value = base64.b64decode(value, validate=True)
            except binascii.Error:
                yield f"{place} is no base64"
        yield from _range(shape, len(value), place, "bytes")
    elif kind not in ("boolean", "timestamp"):
        yield from _range(shape, value, place, "")


def _in_python(pattern):
    """Models write what is beyond 16 bits as Java does, as a range of surrogate pairs."""
    return pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")


def _range(shape, size, place, of_what):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{place}: {size} {of_what} are too few, at least {least}"
    if most is not None and size > most:
        yield f"{place}: {size} {of_what} are too many, at most {most}"


# --- Filters, which the documentation lists --------------------------------------


def _filter_names(member, items, place):
    listed = _listed(member.documentation)
    for i, item in enumerate(items if isinstance(items, list) else []):
        name = item.get("Name") if isinstance(item, dict) else None
        if not _is_listed(name or "", listed):
            yield f"{place}[{i}].Name: there is no filter {name!r}"


def _listed(documentation):
    """Each filter is a point of a list and stands at its beginning, in code."""
    points = re.findall(r"<li>\s*<p>\s*<code>(.*?)</code>", documentation, re.DOTALL)
    return {html.unescape(re.sub(r"<[^>]+>", "", point)) for point in points}


def _valid_keys(documentation):
    """Systems Manager has the keys of a filter in one sentence."""
    found = re.search(r"Valid filter key values:(.*?)</p>", documentation, re.DOTALL)
    if not found:
        return None
    plain = html.unescape(re.sub(r"<[^>]+>", "", found[1]))
    return {key.strip().strip('"') for key in plain.split("|")}


def _is_listed(name, listed):
    def fits(pattern):
        parts = re.split(r"<[^>]*>|\{[^}]*\}|\$\{[^}]*\}", pattern)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), name)

    return any(fits(pattern) for pattern in listed)


# --- How the protocols carry an input --------------------------------------------


def _json(model, target, body):
    wanted = f"{model.service_model.metadata['targetPrefix']}.{model.name}"
    if target != wanted:
        yield f"the target is {target}, and not {wanted}"
    yield from _check(model.input_shape, json.loads(body or b"{}"), "")


def _form(model, body):
    """EC2 and the query protocol: a form whose keys are paths."""
    tree = {}
    for key, value in parse_qsl(body, keep_blank_values=True):
        node = tree
        *parents, last = key.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    version = model.service_model.metadata["apiVersion"]
    if tree.get("Version") != version:
        yield f"the version is {tree.get('Version')}, and not {version}"
    tree = {key: value for key, value in tree.items() if key not in _OF_EVERY_FORM}
    of_ec2 = model.service_model.metadata["protocol"] == "ec2"
    found = []
    if model.input_shape:
        value = _unfolded(model.input_shape, tree, of_ec2, "", found)
        found += _check(model.input_shape, value, "")
    yield from found


def _unfolded(shape, node, of_ec2, place, found):
    """A part of a form as JSON would have it; what has no place in it goes to `found`."""
    kind = shape.type_name
    if kind == "list" and node == "":
        return []  # the query protocol's word for an empty list
    if kind == "structure" and isinstance(node, dict):
        return _unfolded_members(shape, node, of_ec2, place, found)
    if kind == "list" and isinstance(node, dict):
        if not of_ec2 and not shape.serialization.get("flattened"):
            node = node.get(shape.member.serialization.get("name", "member"), {})
        inside = sorted(node.items(), key=lambda item: int(item[0]) if item[0].isdigit() else 0)
        return [_unfolded(shape.member, item, of_ec2, place, found) for _, item in inside]
    if kind == "map" and isinstance(node, dict):
        entries = node if shape.serialization.get("flattened") else node.get("entry", {})
        key = shape.key.serialization.get("name", "key")
        value = shape.value.serialization.get("name", "value")
        return {
            entry.get(key): _unfolded(shape.value, entry.get(value), of_ec2, place, found)
            for entry in entries.values()
        }
    return _from_text(kind, node)


def _unfolded_members(shape, node, of_ec2, place, found):
    names = {_form_name(name, member, of_ec2): name for name, member in shape.members.items()}
    value = {}
    for key, part in node.items():
        if key not in names:
            found.append(f"{_below(place, key)} is unknown")
            continue
        name = names[key]
        value[name] = _unfolded(shape.members[name], part, of_ec2, _below(place, name), found)
    return value


def _form_name(name, member, of_ec2):
    """AWS documentation of Smithy, "AWS EC2 query protocol" and "AWS query protocol"."""
    own = member.serialization
    if of_ec2:
        found = own.get("queryName") or own.get("name") or name
        return found if "queryName" in own else found[:1].upper() + found[1:]
    if member.type_name == "list" and own.get("flattened"):
        return member.member.serialization.get("name", own.get("name", name))
    return own.get("name", name)


def _from_text(kind, text):
    if not isinstance(text, str):
        return text
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("double", "float"):
            return float(text)
        if kind == "timestamp":
            return datetime.fromisoformat(text)
    except ValueError:
        return text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def _labels(template, path):
    """What stands in a path at the places that its template names; None if it is another's."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template.split("?")[0]))
    found = re.fullmatch(pattern, urlsplit(path).path)
    return found and {name: unquote(text) for name, text in found.groupdict().items()}


def _rest_json(model, path, headers, body):
    """Lambda: labels in the path, the rest in headers and parameters, and in the body either
    the one member that is the payload, or JSON of those that stand nowhere else."""
    places = {
        (member.serialization["location"], member.serialization["name"].lower()): (name, member)
        for name, member in model.input_shape.members.items()
        if "location" in member.serialization
    }
    given = [("uri", key, text) for key, text in _labels(model.http["requestUri"], path).items()]
    given += [("header", key, text) for key, text in headers.items()]
    given += [("querystring", key, text) for key, text in parse_qsl(urlsplit(path).query, True)]
    value = {}
    for place, key, text in given:
        if (place, key.lower()) in places:
            name, member = places[place, key.lower()]
            value[name] = _from_text(member.type_name, text)
        elif place == "querystring" or key.lower().startswith("x-amz-"):
            if not _OF_EVERY_REQUEST.match(key):
                yield f"{key} is unknown"
    if payload := model.input_shape.serialization.get("payload"):
        value[payload] = body
    elif body:
        value |= json.loads(body)
    yield from _check(model.input_shape, value, "")


# Headers and parameters that say who asks, and how, and nothing about the object.
_OF_EVERY_REQUEST = re.compile(
    r"x-amz-(date|content-sha256|security-token|user-agent|signature|signedheaders|credential"
    r"|algorithm|expires)$|x-id$",
    re.IGNORECASE,
)


def _rest(model, method, path, headers):
    """S3: the bucket and the key in the path, the rest in headers and parameters."""
    address = urlsplit(path)
    if model.http["method"] != method:
        yield f"the method is {method}, and not {model.http['method']}"
    bucket, _, key = unquote(address.path).lstrip("/").partition("/")
    value = {"Bucket": bucket, "Key": key}
    members = {
        (member.serialization["location"], member.serialization["name"].lower()): (name, member)
        for name, member in model.input_shape.members.items()
        if member.serialization.get("location") in ("header", "querystring")
    }
    given = [("header", key, text) for key, text in headers.items()]
    given += [("querystring", key, text) for key, text in parse_qsl(address.query, True)]
    for place, key, text in given:
        if (place, key.lower()) in members:
            name, member = members[place, key.lower()]
            value[name] = _from_text(member.type_name, text)
        elif place == "querystring" or key.lower().startswith("x-amz-"):
            if not _OF_EVERY_REQUEST.match(key):
                yield f"{key} is unknown"
    yield from _check(model.input_shape, value, "")
