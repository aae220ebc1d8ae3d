"""What `make release` packs: the same bytes wherever it is done, and all that a user needs."""

import io
import os
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import package
import plain
import pytest
import template

ARCHITECTURES = ("arm64", "x86_64")


def programs(folder, word=b""):
    """Programs as a build leaves them, with whatever times and permissions."""
    made = {}
    for architecture in ARCHITECTURES:
        made[architecture] = folder / architecture
        made[architecture].mkdir(parents=True)
        for name in (*package.functions(), "remedy"):
            program = f"\x7fELF {name} for {architecture} ".encode() + word
            (made[architecture] / name).write_bytes(program * 50)
    return made


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    return folder / package.packed(folder, programs(folder / "built"))


def test_a_zip_holds_the_program_as_lambda_wants_it(release):
    for architecture in ARCHITECTURES:
        for name in package.functions():
            data = (release / architecture / f"{name}.zip").read_bytes()
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                (entry,) = archive.infolist()
                assert archive.testzip() is None
                program = archive.read("bootstrap")
            assert program == f"\x7fELF {name} for {architecture} ".encode() * 50
            assert entry.filename == "bootstrap" and entry.create_system == 3
            assert stat.S_IMODE(entry.external_attr >> 16) == 0o755
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_the_same_programs_are_the_same_bytes(release, tmp_path):
    """Elsewhere, later, by somebody with another umask, who had a release there before."""
    before = os.umask(0o077)
    try:
        (tmp_path / release.name).mkdir()
        (tmp_path / release.name / "from.before").write_text("old")
        again = tmp_path / package.packed(tmp_path, programs(tmp_path / "elsewhere"))
    finally:
        os.umask(before)
    files = {file.relative_to(again): file for file in again.rglob("*") if file.is_file()}
    assert set(files) == {f.relative_to(release) for f in release.rglob("*") if f.is_file()}
    for name, file in files.items():
        assert file.read_bytes() == (release / name).read_bytes(), name
        assert file.stat().st_mode == (release / name).stat().st_mode, name
    whole = f"{release.name}.tar.gz"
    assert (release.parent / whole).read_bytes() == (tmp_path / whole).read_bytes()


def test_other_programs_have_other_keys(release, tmp_path):
    """CloudFormation would not change a function whose code lies where the old one did."""
    other = tmp_path / package.packed(tmp_path, programs(tmp_path / "other", b"changed"))
    old, new = (
        {key.split("$")[0] for key in keys_in(folder)} for folder in (release, other)
    )
    assert len(old) == len(new) == 1 and old != new
    assert re.fullmatch(rf"remedy/{re.escape(plain.version())}-[0-9a-f]{{12}}/", *new)


def keys_in(release):
    """Where the template of a release looks for the code of each function."""
    made = template.parse((release / "remedy.yaml").read_text())
    functions = [r for r in made["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    return [f["Properties"]["Code"]["S3Key"]["Fn::Sub"] for f in functions]


def test_every_zip_that_the_template_names_is_there(release):
    keys = set(keys_in(release))
    assert len(keys) == len(package.functions())
    for key in keys:
        for architecture in ARCHITECTURES:
            file = key[key.index("$") :].replace("${Architecture}", architecture)
            assert (release / file).is_file(), file


def test_the_sums_are_of_everything(release):
    said = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release
    )
    assert said.returncode == 0
    named = {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    there = {str(f.relative_to(release)) for f in release.rglob("*") if f.is_file()}
    assert there - named == {"SHA256SUMS"} and named <= there
    with tarfile.open(f"{release}.tar.gz") as archive:
        assert {f"{release.name}/{name}" for name in there} == set(archive.getnames())


def test_the_module_finds_its_documents_in_the_release(release):
    texts = "".join(file.read_text() for file in (release / "terraform").glob("*.tf"))
    documents = set(re.findall(r'\$\{path\.module\}/\.\./([^"]+)"', texts))
    assert len(documents) == 5
    for document in documents:
        assert (release / document).read_bytes() == (plain.ROOT / document).read_bytes()


def test_what_is_missing_is_no_release(tmp_path):
    built = programs(tmp_path / "built")
    (built["arm64"] / package.functions()[0]).unlink()
    with pytest.raises(FileNotFoundError):
        package.packed(tmp_path / "out", built)


def test_an_upload_refuses_what_was_changed(release, tmp_path):
    folder = tmp_path / "release"
    subprocess.run(["cp", "-a", release, folder], check=True)
    (folder / "x86_64" / "high-cpu.zip").write_bytes(b"another")
    # Nothing that could ask AWS is there to be found.
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "sed", "sha256sum", "dirname", "sort"):
        (tools / tool).symlink_to(Path("/usr/bin") / tool)
    said = subprocess.run(
        [folder / "upload", "code", "eu-central-1"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 1 and "not what was released" in said.stderr, said.stderr


def test_a_zip_is_packed_as_deflate_is_defined():
    program = bytes(range(256)) * 300
    for deflate in (None, lambda data: zlib.compress(data, 9)):
        with zipfile.ZipFile(io.BytesIO(package.zipped(program, deflate))) as archive:
            assert archive.read("bootstrap") == program


def test_architectures_are_those_that_there_are():
    script = plain.ROOT / "release" / "package.py"
    said = subprocess.run(
        [sys.executable, script, "--out", "nowhere", "sparc=."], capture_output=True, text=True
    )
    assert said.returncode == 1 and "no such architecture: sparc" in said.stderr


def test_the_programs_that_are_tried_are_those_that_ship(release, tmp_path):
    script = plain.ROOT / "release" / "unpack.py"
    words = [sys.executable, script, release, "x86_64", tmp_path / "into"]
    subprocess.run(words, check=True)
    for name in (*package.functions(), "remedy"):
        program = tmp_path / "into" / name
        assert program.read_bytes() == f"\x7fELF {name} for x86_64 ".encode() * 50
        assert os.access(program, os.X_OK)
    words[3] = "sparc"
    said = subprocess.run(words, capture_output=True, text=True)
    assert said.returncode == 1 and "no zips" in said.stderr
