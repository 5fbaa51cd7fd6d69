"""Jars are used only when they are the ones whose hashes the repository holds, and a missing Java names its package."""

import hashlib
from pathlib import Path

import pytest

from cds_local import java


def _maven_that_fetches(folder: Path, content: str) -> Path:
    program = folder / "mvn"
    program.write_text(
        '#!/bin/sh\nfor argument in "$@"; do case $argument in -DoutputDirectory=*) target=${argument#*=};; esac; done\n'
        f"printf '%s' '{content}' > \"$target/one.jar\"\n"
    )
    program.chmod(0o755)
    return program


def _jars(folder: Path, expected: str, monkeypatch: pytest.MonkeyPatch, came: str = "right") -> Path:
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    _maven_that_fetches(folder, came)
    hashes = folder / "jars.sha256"
    hashes.write_text(f"{hashlib.sha256(expected.encode()).hexdigest()}  one.jar\n")
    return java.jars(folder / "pom.xml", hashes, folder / "cache" / "jars", folder / "log")


def test_right_jars_are_kept_and_not_fetched_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _jars(tmp_path, "right", monkeypatch)
    assert (folder / "one.jar").read_text() == "right"
    assert _jars(tmp_path, "right", monkeypatch, came="another") == folder
    assert (folder / "one.jar").read_text() == "right"


def test_jar_with_other_content_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(java.JarsDiffer, match=r"one\.jar"):
        _jars(tmp_path, "right", monkeypatch, came="wrong")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["jars.lock"]


def test_missing_java_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(java.JavaMissing, match="openjdk-17-jre-headless"):
        java.java(tmp_path / "log")


def test_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(java.JavaMissing, match="isn't Java 17"):
        java.java(tmp_path / "log")
