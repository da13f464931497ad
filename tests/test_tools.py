"""What `make` does before anything is installed: only with Python's own library."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "tools" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_needs_nothing_but_python() -> None:
    code = "import sys; sys.path.insert(0, 'tools'); import environment; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], cwd=ROOT, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    assert not {"numpy", "pip", "napari"} & set(result.stdout.split())


def test_uv_is_told_what_pip_is_configured_to(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://a.example/simple\nextra-index-url = https://b.example/s"
        " https://c.example/s\nfind-links = /w1 /w2\ncert = /etc/ca.pem\n"
    )
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    for name in ("PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_INDEX_STRATEGY", "first-index")

    told = environment.uv_environment()

    assert told["UV_DEFAULT_INDEX"] == "https://a.example/simple"
    assert told["UV_INDEX"] == "https://b.example/s https://c.example/s"
    assert told["UV_FIND_LINKS"] == "/w1,/w2"
    assert told["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert told["UV_INDEX_STRATEGY"] == "first-index", "what the user set stays"


def test_without_root_or_sudo_the_one_line_to_run_is_printed(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "apt_prefix", lambda: None)

    with pytest.raises(SystemExit, match="apt-get install -y --no-install-recommends xvfb xauth"):
        environment.install_system_packages(["xvfb", "xauth"])


def test_nothing_is_asked_of_a_system_that_has_all(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "apt_prefix", lambda: pytest.fail("asked for nothing"))

    environment.install_system_packages([])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian packages are Linux's")
def test_what_is_missing_is_named_by_its_package(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "can_load", lambda library: library != "libEGL.so.1")
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(environment, "PYTHON", Path("/nowhere/python"))

    assert environment.missing_system_packages() == [
        "libegl1", "xvfb", "xauth", "python3-venv", "libgl1-mesa-dri",
    ]  # fmt: skip


def test_an_old_python_is_told_what_to_name(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old(tuple[int, ...]):
        pass

    monkeypatch.setattr(environment.sys, "version_info", Old((3, 10, 4)))

    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        environment.main()
