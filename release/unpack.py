#!/usr/bin/env python3
"""Takes the programs out of a release, so that the wire tests run what ships: `make tried`.

    unpack.py RELEASE ARCHITECTURE INTO
"""

import sys
import zipfile
from pathlib import Path


def main():
    release, architecture, into = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    into.mkdir(parents=True, exist_ok=True)
    zips = sorted((release / architecture).glob("*.zip"))
    if not zips:
        sys.exit(f"{release / architecture} has no zips")
    for file in zips:
        with zipfile.ZipFile(file) as archive:
            program = into / file.stem
            program.write_bytes(archive.read("bootstrap"))
            program.chmod(0o755)
    command_line = into / "remedy"
    command_line.write_bytes((release / architecture / "remedy").read_bytes())
    command_line.chmod(0o755)


if __name__ == "__main__":
    main()
