"""Make ``.venv`` from nothing, and on Linux find the system libraries of Qt and OpenGL.

Run by ``make``; needs Python 3.11 or newer and nothing else. What is missing from the system
is installed through apt-get where that needs no password, else the one line to run is printed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".complete"

#: What ``dlopen`` must find for Qt's xcb platform and for OpenGL, and the package that has it.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}

#: Programs that running without a screen needs, and the package that has each. xvfb-run
#: calls xauth, which is only recommended by xvfb; the software renderer has no program.
PROGRAMS = {"xvfb-run": "xvfb", "xauth": "xauth"}


def main() -> None:
    """Bring the environment up to date, then leave a stamp for make."""
    if sys.version_info < (3, 11):  # noqa: UP036 - make runs whatever python3 is
        raise SystemExit(
            f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}."
            " Name a newer one: make PYTHON=python3.12"
        )
    install_system_packages(missing_system_packages())
    make_venv()
    install_python_packages()
    STAMP.touch()


def missing_system_packages() -> list[str]:
    """Return the Debian packages that this system lacks; none outside Linux."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [package for name, package in LIBRARIES.items() if not can_load(name)]
    missing += [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    if not PYTHON.exists() and importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if "libgl1" in missing or "xvfb" in missing:
        missing.append("libgl1-mesa-dri")
    return missing


def can_load(library: str) -> bool:
    """Return whether the dynamic linker finds `library`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_system_packages(packages: list[str]) -> None:
    """Install Debian packages, or say which line does it and stop."""
    if not packages:
        return
    prefix = apt_prefix()
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if prefix is None:
        raise SystemExit(f"Missing from this system. Please run, then make again:\n\n  {line}\n")
    print(f"Installing from the system: {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*prefix, "apt-get", "update", "-qq"], env=environment, check=False)
    if subprocess.run([*prefix, *line.split()], env=environment, check=False).returncode:
        raise SystemExit(f"This did not work; please see to it, then make again:\n\n  {line}\n")


def apt_prefix() -> list[str] | None:
    """Return what goes before ``apt-get``: nothing for root, sudo if it asks no password."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def make_venv() -> None:
    """Make ``.venv`` unless a working one is there."""
    if PYTHON.exists() and runs(str(PYTHON), "-m", "pip", "--version"):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)


def install_python_packages() -> None:
    """Install this project, its extras and its tools: with uv, which is quick, else with pip."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    wanted = ["-e", ".[all]", "--group", "dev"]
    if not runs(str(PYTHON), "-m", "uv", "--version"):
        subprocess.run([*pip, "install", "-q", "uv>=0.9"], cwd=ROOT, check=False)
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), *wanted]
    if subprocess.run(uv, cwd=ROOT, env=uv_environment(), check=False).returncode == 0:
        return
    print("uv could not install; trying pip", flush=True)
    # --group came with pip 25.1; a new venv may hold an older one.
    subprocess.run([*pip, "install", "-q", "pip>=25.1"], cwd=ROOT, check=True)
    subprocess.run([*pip, "install", *wanted], cwd=ROOT, check=True)


def uv_environment() -> dict[str, str]:
    """Return the environment in which uv sees what pip is configured to: uv reads no pip.conf."""
    config = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings = {}
    for line in config.stdout.splitlines():
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = value.strip("'\"")
    found = {
        "UV_DEFAULT_INDEX": settings.get("index-url", ""),
        "UV_INDEX": settings.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "SSL_CERT_FILE": settings.get("cert", ""),
        # As pip: certificates of the system, and the best version of all indexes.
        "UV_SYSTEM_CERTS": "1",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": "180",
    }
    return {**{name: value for name, value in found.items() if value}, **os.environ}


def runs(*command: str) -> bool:
    """Return whether a command can be run and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
