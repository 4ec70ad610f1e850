"""A cluster with certificates, configured as the README says."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixtures.customers import customers, write_csv
from fixtures.servers import free_port, listening, running
from tests.cli.test_shares import exfilter, scanned
from tests.who.company import CLIENT, SERVER, Issued

pytest.importorskip("distributed", reason="the extra `shares` is not installed")

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SECTION = README.partition("\n## File shares and object stores\n")[2].partition("\n## ")[0]
PLACE = "/etc/exfilter/cluster"
"""Of the certificates, in the README."""
PORT = "8786"
DASK = str(Path(sys.executable).parent / "dask")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    assert found
    return found.group(1)


def certificates(folder: Path) -> dict[str, str]:
    """Write an authority and a certificate of it. Return an environment for the README's lines."""
    folder.mkdir()
    authority = Issued.authority("Cluster")
    authority.publish(folder / "ca.pem")
    authority.person("node", usage=(CLIENT, SERVER)).write(folder / "node.pem")
    (folder / "dask.yaml").write_text(block("yaml").replace(PLACE, str(folder)))
    return {"DASK_CONFIG": str(folder)}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    write_csv(folder / "customers.csv", 200, 5)
    for command in (("init", folder), ("index", "build", folder / "customers.csv", "--config", folder)):
        assert exfilter(*command)[0] == 0
    (folder / "list.txt").write_text("\n".join(each.email for each in customers(200, 5)))
    return folder


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return certificates(tmp_path_factory.mktemp("authority") / "certificates")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Iterator[str]:
    """Run what the README says, on a port of this test."""
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    env = {**env, "XDG_CACHE_HOME": str(folder)}
    lines = block("text").replace(PORT, str(port)).replace("HOST", "127.0.0.1").splitlines()
    with ExitStack() as stack:
        for line in lines:
            program, *options = shlex.split(line)
            assert program == "dask"
            stack.enter_context(running(DASK, *options, folder=folder, env=env))
            listening(port)
        yield f"tls://127.0.0.1:{port}"


def test_a_cluster_with_certificates_says_what_the_plain_scan_says(
    config: Path, address: str, env: dict[str, str], tmp_path: Path
) -> None:
    plain = scanned(config / "list.txt", tmp_path / "none", "--config", config)
    options = ("--config", config, "--run", tmp_path / "run", "--cluster", address)
    found = scanned(config / "list.txt", tmp_path / "none", *options, env=env)
    assert found == plain
    assert max(each["identified"] for each in found.values()) > 100


def test_a_driver_without_a_certificate_is_refused(config: Path, address: str, tmp_path: Path) -> None:
    code, out, err = refused(config, address, tmp_path, {"DASK_CONFIG": str(tmp_path)})
    assert (code, out) == (2, "")
    assert "there is no certificate here" in err


def test_a_scheduler_of_another_authority_is_refused(config: Path, address: str, tmp_path: Path) -> None:
    code, out, err = refused(config, address, tmp_path, certificates(tmp_path / "others"))
    assert (code, out) == (2, "")
    assert "of another authority" in err


def test_the_scheduler_refuses_a_certificate_of_another_authority(
    config: Path, address: str, env: dict[str, str], tmp_path: Path
) -> None:
    others = certificates(tmp_path / "others")
    ca = Path(env["DASK_CONFIG"]) / "ca.pem"
    (tmp_path / "others" / "ca.pem").write_bytes(ca.read_bytes())
    code, out, err = refused(config, address, tmp_path, others)
    assert (code, out) == (2, "")
    assert address in err
    assert "internal error" not in err


def test_a_certificate_that_is_not_there_is_named(config: Path, address: str, tmp_path: Path) -> None:
    env = certificates(tmp_path / "lost")
    (tmp_path / "lost" / "node.pem").unlink()
    code, out, err = refused(config, address, tmp_path, env)
    assert (code, out) == (2, "")
    assert "cannot be read" in err


def test_a_driver_without_tls_gets_no_answer(config: Path, address: str, tmp_path: Path) -> None:
    code, out, err = refused(
        config, address.replace("tls:", "tcp:"), tmp_path, {"DASK_CONFIG": str(tmp_path)}
    )
    assert (code, out) == (2, "")
    assert "no scheduler answers there" in err


def test_a_driver_that_is_to_encrypt_is_told_to(
    config: Path, address: str, env: dict[str, str], tmp_path: Path
) -> None:
    code, out, err = refused(config, address.replace("tls:", "tcp:"), tmp_path, env)
    assert (code, out) == (2, "")
    assert "requires encryption; give tls://" in err


def refused(config: Path, address: str, folder: Path, env: dict[str, str]) -> tuple[int, str, str]:
    options = ("--config", config, "--run", folder / "run", "--cluster", address)
    code, out, err = exfilter("scan", config / "list.txt", "--format", "jsonl", *options, env=env)
    return code, out, " ".join(err.split())
