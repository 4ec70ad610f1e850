"""pcap and pcapng by way of tshark, a process with bounds that dissects no further than TCP and TLS.

tshark puts connections in order and opens TLS where there is a key (a key log, or secrets in a pcapng). The
dissectors of everything above are switched off: they are hundreds, in C, and the capture is hostile.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from exfilter.captures.captured import Captured, Refused, Unread
from exfilter.captures.connections import LARGEST, Connection, Segment
from exfilter.limits import MIB

MEMORY = 4096 * MIB
"""Of tshark. A larger capture has to be split (editcap -c)."""
LOOK = 4096
"""Packets after which it is looked how much memory is in use."""
NAMES = 100_000
"""Addresses whose names are kept."""
_KEPT = (
    "frame eth ethertype vlan llc sll null raw ppp ip ipv6 tcp udp tls ssl data dns gre ieee8021ad "
    "x509af x509ce x509if x509sat pkix1explicit pkix1implicit pkcs-1 pkcs-12 ber cms ocsp"
).split()
_FIELDS = (
    "frame.time_epoch ip.src ip.dst ipv6.src ipv6.dst tcp.srcport tcp.dstport tcp.stream tcp.flags "
    "tcp.seq_raw tls.handshake.extensions_server_name tcp.payload data.data udp.stream udp.dstport "
    "dns.qry.name dns.a dns.aaaa"
).split()
_WANTED = "tcp.len > 0 || tcp.flags & 7 || udp.port == 443 || dns.flags.response == 1"
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


def captured(path: Path, keys: Path | None) -> Iterator[Captured | Unread]:
    """Yield the requests of a capture. ``keys``: a TLS key log.

    Raises ValueError where tshark is not there, or cannot read the capture.
    """
    program = shutil.which("tshark")
    if program is None:
        msg = f"{path} holds packets: reading them needs tshark (apt install tshark, brew install wireshark)"
        raise Refused(msg)
    if keys is not None and not keys.is_file():
        msg = f"there is no key log {keys}"
        raise Refused(msg)
    with tempfile.TemporaryDirectory(prefix="exfilter-tshark-") as folder, tempfile.TemporaryFile() as said:
        _configure(program, Path(folder))
        command, environment = _command(program, path, keys), _environment(folder)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment)  # noqa: S603
        try:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
            traffic = _Traffic()
            for line in _lines(process):
                yield from traffic.take(line)
            yield from traffic.end()
            if problem := _problem(process, said):
                yield Unread("", problem)
        finally:
            process.kill()
            process.wait()


def _configure(program: str, folder: Path) -> None:
    """Write the settings of a tshark that knows only what is wanted."""
    command, environment = [program, "-G", "protocols"], _environment(str(folder))
    listed = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)  # noqa: S603
    names = [line.split(b"\t")[2].decode() for line in listed.stdout.splitlines() if line.count(b"\t") >= 2]
    (folder / "disabled_protos").write_text("".join(f"{n}\n" for n in names if n not in _KEPT))


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LD_LIBRARY_PATH"}}
    return kept | {"WIRESHARK_CONFIG_DIR": folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _command(program: str, path: Path, keys: Path | None) -> list[str]:
    options = ["tcp.reassemble_out_of_order:TRUE", "tcp.desegment_tcp_streams:TRUE"]
    options += ["tls.desegment_ssl_records:TRUE", "ip.defragment:TRUE", "tcp.check_checksum:FALSE"]
    if keys is not None:
        options.append(f"tls.keylog_file:{keys.resolve()}")
    line = [program, "-n", "-r", str(path.resolve()), "-T", "fields", "-Y", _WANTED]
    line += ["-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;"]
    for option in options:
        line += ["-o", option]
    for name in _FIELDS:
        line += ["-e", name]
    return line


def _lines(process: subprocess.Popen[bytes]) -> Iterator[list[str]]:
    for line in process.stdout or ():
        cells = line.rstrip(b"\n").decode("utf-8", "replace").split("\t")
        if len(cells) == len(_FIELDS):
            yield cells


def _problem(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    """Return why tshark did not read the capture to its end. Empty: it did."""
    code = process.wait()
    if not code:
        return ""
    said.seek(0)
    text = said.read(1 << 16).decode("utf-8", "replace").lower()
    known = {
        "cut short": "the capture is cut short in the midst of a packet; what is before was read",
        "damaged": "the capture is damaged; what is before the damage was read",
        "memory": f"tshark needed more than {MEMORY // MIB} MiB: split the capture (editcap -c)",
        "isn't a capture": "tshark does not know this kind of capture",
    }
    return next((why for word, why in known.items() if word in text), f"tshark gave up with code {code}")


@dataclass(slots=True)
class _Traffic:
    """All connections that are open."""

    connections: dict[int, Connection] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    quic: set[str] = field(default_factory=set)
    packets: int = 0

    def take(self, cells: list[str]) -> Iterator[Captured | Unread]:
        of = dict(zip(_FIELDS, cells, strict=True))
        if of["dns.qry.name"]:
            self._learn(of)
        elif of["tcp.stream"]:
            number = int(_last(of["tcp.stream"]))
            if number not in self.closed:
                yield from self._taken(number, of)
        elif _last(of["udp.dstport"]) == "443":
            self.quic.add(of["udp.stream"])

    def _taken(self, number: int, of: dict[str, str]) -> Iterator[Captured | Unread]:
        try:
            segment = _segment(of)
        except ValueError:
            yield Unread(f"connection {number + 1}", "a packet that tshark tells in another way was not read")
            return
        yield from self._segment(number, segment)

    def end(self) -> Iterator[Captured | Unread]:
        for connection in self.connections.values():
            yield from connection.end()
        if self.quic:
            yield Unread("", f"{len(self.quic)} QUIC connections (UDP port 443) were not read")

    def _segment(self, number: int, segment: Segment) -> Iterator[Captured | Unread]:
        connection = self.connections.get(number) or self._new(number, segment)
        if segment.sender == connection.client:
            yield from connection.take(segment)
        self.packets += 1
        if segment.sender == connection.client and connection.is_over(segment):
            yield from self._close(connection)
        elif self.packets % LOOK == 0 and sum(each.held for each in self.connections.values()) > 2 * LARGEST:
            yield from self._cut(max(self.connections.values(), key=lambda each: each.held))

    def _new(self, number: int, segment: Segment) -> Connection:
        # Without its beginning, the lower port is the server's.
        is_client = segment.opens or segment.sender[1] >= segment.receiver[1]
        client, server = segment.sender, segment.receiver
        if not is_client:
            client, server = server, client
        made = Connection(number + 1, client, server, self.names.get(server[0], ""), segment.time)
        self.connections[number] = made
        return made

    def _cut(self, connection: Connection) -> Iterator[Captured | Unread]:
        yield from self._close(connection)
        why = f"more than {2 * LARGEST} bytes were under way: the rest of the connection was not read"
        yield Unread(f"connection {connection.number}", why)

    def _close(self, connection: Connection) -> Iterator[Captured]:
        self.closed.add(connection.number - 1)
        del self.connections[connection.number - 1]
        yield from connection.end()

    def _learn(self, of: dict[str, str]) -> None:
        name = of["dns.qry.name"].split(";")[0]
        for address in (*of["dns.a"].split(";"), *of["dns.aaaa"].split(";")):
            if address and len(self.names) < NAMES:
                self.names[address] = name


def _segment(of: dict[str, str]) -> Segment:
    flags = int(_last(of["tcp.flags"]) or "0", 16)
    source, target = _last(of["ip.src"] or of["ipv6.src"]), _last(of["ip.dst"] or of["ipv6.dst"])
    return Segment(
        time=float(of["frame.time_epoch"] or 0),
        sender=(source, int(_last(of["tcp.srcport"]) or 0)),
        receiver=(target, int(_last(of["tcp.dstport"]) or 0)),
        sequence=int(_last(of["tcp.seq_raw"]) or 0),
        payload=_bytes(_last(of["tcp.payload"])),
        opened=_bytes(of["data.data"].replace(";", "")),
        sni=of["tls.handshake.extensions_server_name"].split(";")[0],
        opens=bool(flags & _SYN) and not flags & _ACK,
        closes=bool(flags & (_FIN | _RST)),
    )


def _last(cell: str) -> str:
    """Return the innermost of several values: a packet in a tunnel has two addresses."""
    return cell.rpartition(";")[2]


def _bytes(cell: str) -> bytes:
    """Return bytes that tshark writes in hexadecimal. Raises ValueError."""
    return bytes.fromhex(cell.replace(":", ""))
