"""Finds Java and Maven, and fetches jars by their Maven coordinates into the shared cache, checked against a list of hashes."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cds_local import paths, processes

OLDEST_JAVA = 17


class JavaMissing(Exception):
    """Java or Maven can't be had; the message names the package to install."""


class JarsDiffer(Exception):
    """A fetched jar isn't the one whose hash is in the repository."""


def _is_debian() -> bool:
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _install(package: str, log: Path) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        command = processes.Command(argv=["apt-get", "-q", *arguments], env=environment, log=log)
        processes.run(command, timeout_seconds=600, part=f"installing {package}")


def _require(program: str, package: str, log: Path) -> str:
    if shutil.which(program) is None and _is_debian() and processes.drops_root():
        _install(package, log)
    found = shutil.which(program)
    if found is None:
        raise JavaMissing(f"`{program}` isn't installed; on Debian or Ubuntu: apt-get install {package}")
    return found


def java(log: Path) -> str:
    """Find a Java of at least version 17; root on Debian installs it.

    Raises:
        JavaMissing: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    own = Path(home) / "bin" / "java" if home else None
    found = str(own) if own is not None and own.exists() else _require("java", "openjdk-17-jre-headless", log)
    shown = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - a path, no shell
    version = re.search(r'version "(?:1\.)?(\d+)', shown.stderr + shown.stdout)
    if version is None or int(version.group(1)) < OLDEST_JAVA:
        raise JavaMissing(f"{found} isn't Java {OLDEST_JAVA} or newer; on Debian 12: apt-get install openjdk-17-jre-headless")
    return found


def jars(pom: Path, hashes: Path, folder: Path, log: Path) -> Path:
    """Fetch the dependencies of a pom into `folder`, once; returns the folder.

    Args:
        pom: names the artifacts.
        hashes: lines of `sha256  file name`, the jars that must come, no other.
        folder: where they are kept.
        log: where Maven's words go.

    Raises:
        JavaMissing: Maven isn't installed.
        PartFailed: Maven could not fetch them.
        JarsDiffer: another jar came, or one with another content.
    """
    with paths.only_one(folder.with_name(folder.name + ".lock")):
        if folder.exists():
            return folder
        maven = _require("mvn", "maven", log)
        fetched = Path(tempfile.mkdtemp(dir=folder.parent, prefix="fetching-"))
        try:
            argv = [maven, "-B", "-q", "-C", "-f", str(pom), "dependency:copy-dependencies"]
            argv += ["-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
            processes.run(processes.Command(argv=argv, log=log), timeout_seconds=600, part="maven")
            _compare(fetched, hashes)
            fetched.chmod(0o755)
            fetched.rename(folder)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
    return folder


def _compare(folder: Path, hashes: Path) -> None:
    expected = {name: digest for digest, name in (line.split() for line in hashes.read_text().splitlines() if line)}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.iterdir()}
    if found != expected:
        names = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise JarsDiffer(f"jars that differ from {hashes.name}: {', '.join(names)}")
