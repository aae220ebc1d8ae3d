#!/usr/bin/env python3
"""Packs a release: what is deployed, for each architecture, with the same bytes wherever it is done.

    package.py --out FOLDER [--sbom FILE] x86_64=PROGRAMS [arm64=PROGRAMS]

PROGRAMS is a folder that has the functions and the command line as programs. FOLDER gets a zip of
each function, the command line, the plain template, the Terraform module with the documents it
reads, the script that uploads it all, and the sums of these. An archive beside it holds the whole.
"""

import argparse
import gzip
import hashlib
import shutil
import struct
import sys
import tarfile
import zlib
from pathlib import Path

import plain

# No file has a time: the earliest one that a zip can tell, and the earliest of all.
ZIP_DATE = (1980 - 1980) << 9 | 1 << 5 | 1
PROGRAM, FILE = 0o755, 0o644
COMMAND_LINE = "remedy"
SUMS = "SHA256SUMS"


def functions():
    """The names of the functions' programs."""
    resources = plain.yaml_parse(plain.SOURCE.read_text())["Resources"].values()
    functions = [r for r in resources if r["Type"] == "AWS::Serverless::Function"]
    return sorted(f["Metadata"]["BuildProperties"]["Binary"] for f in functions)


def zipped(program, deflate=None):
    """A zip that holds a program as `bootstrap`, which is what Lambda runs."""
    name, size = b"bootstrap", len(program)
    packed = (deflate or pinned)(program)[2:-4]  # without zlib's own head and sum
    # Version to extract, flags, method, time, date, sum, sizes, length of name and of more.
    entry = struct.pack(
        *("<HHHHHIIIHH", 20, 0, 8, 0, ZIP_DATE),
        *(zlib.crc32(program), len(packed), size, len(name), 0),
    )
    local = b"PK\x03\x04" + entry + name
    made_by_unix = 3 << 8 | 20
    mode = (0o100000 | PROGRAM) << 16
    central = b"PK\x01\x02" + struct.pack("<H", made_by_unix) + entry
    central += struct.pack("<HHHII", 0, 0, 0, mode, 0) + name
    start = len(local) + len(packed)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), start, 0)
    return local + packed + central + end


def pinned(data):
    """What zlib makes differs from one machine's to another's. This one is pinned, and as good."""
    import zopfli.zlib

    return zopfli.zlib.compress(data, numiterations=1)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Folder:
    """The release, file by file."""

    def __init__(self, path):
        self.path, self.sums = path, {}
        shutil.rmtree(path, ignore_errors=True)

    def put(self, name, data, mode=FILE):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)
        self.sums[name] = digest(data)

    def copy(self, name, source, mode=FILE):
        self.put(name, source.read_bytes(), mode)


def packed(out, programs, sbom=None, deflate=None):
    """Packs the release into the folder `out`; gives its name."""
    name = f"remedy-{plain.version()}"
    folder = Folder(out / name)
    for architecture, source in sorted(programs.items()):
        for function in functions():
            program = zipped((source / function).read_bytes(), deflate)
            folder.put(f"{architecture}/{function}.zip", program)
        folder.copy(f"{architecture}/{COMMAND_LINE}", source / COMMAND_LINE, PROGRAM)
    # CloudFormation changes a function's code when its key changes: other bytes, other keys.
    whole = "".join(s for n, s in sorted(folder.sums.items()) if n.endswith(".zip"))
    prefix = f"remedy/{plain.version()}-{digest(whole.encode())[:12]}/"
    folder.put("remedy.yaml", plain.written(plain.plain(prefix)).encode())
    for file in sorted((plain.ROOT / "terraform").glob("*.tf")):
        folder.copy(f"terraform/{file.name}", file)
    for file in sorted((plain.ROOT / "functions").glob("*/ssm/**/document.yaml")):
        folder.copy(str(file.relative_to(plain.ROOT)), file)
    folder.copy("upload", plain.ROOT / "release" / "upload", PROGRAM)
    for file in ("LICENSE", "CHANGELOG.md"):
        folder.copy(file, plain.ROOT / file)
    if sbom:
        folder.copy("remedy.cdx.json", sbom)
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(folder.sums.items()))
    folder.put(SUMS, sums.encode())
    archive(folder, out / f"{name}.tar.gz")
    return name


def archive(folder, file):
    """The whole folder as one file."""
    with file.open("wb") as raw, gzip.GzipFile("", "wb", 0, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(folder.sums):
                source = folder.path / name
                entry = tarfile.TarInfo(f"{folder.path.name}/{name}")
                entry.size, entry.mode = source.stat().st_size, source.stat().st_mode & 0o777
                with source.open("rb") as data:
                    tar.addfile(entry, data)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--sbom", type=Path)
    arguments.add_argument("programs", nargs="+", metavar="ARCHITECTURE=FOLDER")
    given = arguments.parse_args()
    programs = {k: Path(v) for k, v in (pair.split("=", 1) for pair in given.programs)}
    wrong = set(programs) - {"x86_64", "arm64"}
    if wrong:
        sys.exit(f"no such architecture: {', '.join(sorted(wrong))}")
    print(given.out / packed(given.out, programs, given.sbom))


if __name__ == "__main__":
    main()
