#!/usr/bin/env python3
"""Reads what the AWS provider of Terraform takes from the bindings that CDK Terrain makes of its
schema: the npm package @cdktn/provider-aws, unpacked.

    npm pack @cdktn/provider-aws && tar xzf cdktn-provider-aws-*.tgz
    read_schema.py package aws_sqs_queue ... > aws.json

The provider itself is on none of the package indexes. The bindings name every attribute and block of a
resource, its type, and whether it is required; what only the provider knows (which text is a
policy, say) they do not.
"""

import json
import re
import sys
from pathlib import Path

PLAIN = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "string[]": ["list", "string"],
    "number[]": ["list", "number"],
    "{ [key: string]: string; }": ["map", "string"],
}


def interfaces(text):
    """The members of each interface: name, whether required, whether a block, type."""
    for name, body in re.findall(r"export interface (\w+)[^{]*\{\n(.*?)\n\}", text, re.S):
        members = {}
        pattern = r"/\*\*(.*?)\*/\s+readonly \w+(\??): (.+?);\n(?=\s*/\*\*|\s*$)"
        for said, optional, kind in re.findall(pattern, body + "\n", re.S):
            called = re.search(r"#(\w+)\}", said)
            if called:
                kind = " ".join(kind.replace("cdktn.", "").split())
                kind = kind.replace(" | IResolvable", "").strip()
                is_block = re.search(rf"^\s*\* {called.group(1)} block$", said, re.M)
                members[called.group(1)] = (not optional, bool(is_block), kind)
        yield name, members


def nesting(code, interface):
    """Whether the parts of a structure are lists or sets, from the function that prints it."""
    function = interface[0].lower() + interface[1:] + "ToHclTerraform"
    body = re.search(rf"function {function}\(.*?\n\}}\n", code, re.S)
    return listed(body.group(0) if body else "")


def listed(body):
    return dict(
        re.findall(r"^\s+(\w+): \{\n\s+value: .*?\n\s+isBlock: \w+,\n\s+type: \"(\w+)\"", body, re.M)
    )


def structure(found, code, name, kinds):
    attributes, blocks = {}, {}
    for member, (required, is_block, kind) in found[name].items():
        several, inner = kind.endswith("[]"), kind.removesuffix("[]")
        if is_block and inner in found:
            blocks[member] = {
                "nesting": kinds.get(member, "list") if member != "timeouts" else "single",
                "most": 0 if several else 1,
                "least": int(required),
                **structure(found, code, inner, nesting(code, inner)),
            }
        elif kind in PLAIN:
            of = PLAIN[kind]
            if isinstance(of, list) and kinds.get(member) == "set":
                of = ["set", of[1]]
            attributes[member] = {"type": of, "is": "required" if required else "optional"}
    return {"attributes": attributes, "blocks": blocks}


def resource(package, kind):
    folder = package / "lib" / kind.replace("_", "-").replace("data.", "data-", 1).removeprefix("aws-")
    text, code = (folder / "index.d.ts").read_text(), (folder / "index.js").read_text()
    found = dict(interfaces(text))
    own = re.search(r"export declare class (\w+) extends cdktn.Terraform(?:Resource|DataSource)", text)
    body = code[code.index("synthesizeHclAttributes() {") :]
    made = structure(found, code, f"{own.group(1)}Config", listed(body))
    read_only = re.findall(r"get (\w+)\(\): (string|number|cdktn.IResolvable|string\[\]);", text[own.end() :])
    for name, kind_of in read_only:
        name = re.sub(r"(?=[A-Z])", "_", name).lower()
        if name not in made["attributes"] and not name.endswith("_input"):
            of = PLAIN.get(kind_of, "bool")
            made["attributes"][name] = {"type": of, "is": "computed"}
    version = re.search(r"providerVersion: '([\d.]+)'", code).group(1)
    return version, made


def main():
    package, kinds = Path(sys.argv[1]), sys.argv[2:]
    read = {kind: resource(package, kind) for kind in kinds}
    ((version),) = {version for version, _ in read.values()}
    resources = {kind: made for kind, (_, made) in sorted(read.items())}
    json.dump({"version": version, "schemas": resources}, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
