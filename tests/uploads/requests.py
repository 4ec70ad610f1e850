"""Requests of each protocol as its public documentation prints them, with invented names."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from exfilter.model import Buffer, Headers, Transfer


def sent(method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Transfer:
    """Return a request of one actor."""
    host = urlsplit(url).hostname or ""
    given: Headers = tuple((headers or {}).items())
    return Transfer("proxy", body, actor="boris", destination=host, method=method, url=url, headers=given)


def ranged(start: int, body: bytes, total: int | str = "*", url: str = "https://up.example/f/7") -> Transfer:
    """Return a piece by Content-Range."""
    end = start + len(body) - 1
    return sent("PUT", url, {"Content-Range": f"bytes {start}-{end}/{total}"}, body)


def tus(start: int, body: bytes, url: str = "https://tus.example/files/24e533e0") -> Transfer:
    """Return a piece of tus."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(start)}
    return sent("PATCH", url, headers | {"Content-Type": "application/offset+octet-stream"}, body)


def tus_start(total: int | None, body: bytes = b"", more: dict[str, str] | None = None) -> Transfer:
    """Return a creation of tus; without a length it is told later."""
    length = {"Upload-Defer-Length": "1"} if total is None else {"Upload-Length": str(total)}
    headers = {"Tus-Resumable": "1.0.0", **length, **(more or {})}
    return sent("POST", "https://tus.example/files", headers, body)


BUCKET = "https://backups.s3.eu-central-1.amazonaws.example/q3/export.zip"


def part(number: int, body: bytes, upload: str = "VXBsb2FkIElE", **headers: str) -> Transfer:
    """Return a part of S3, by a signed address."""
    query = f"X-Amz-Signature=ab{number}&partNumber={number}&uploadId={upload}&x-id=UploadPart"
    return sent("PUT", f"{BUCKET}?{query}", headers, body)


def complete(*numbers: int, upload: str = "VXBsb2FkIElE") -> Transfer:
    """Return the completion of an upload of S3."""
    parts = "".join(f'<Part><PartNumber>{n}</PartNumber><ETag>"a{n}"</ETag></Part>' for n in numbers)
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    body = f'<CompleteMultipartUpload xmlns="{space}">{parts}</CompleteMultipartUpload>'
    return sent("POST", f"{BUCKET}?uploadId={upload}", {"Content-Type": "application/xml"}, body.encode())


def chunked(data: bytes, size: int) -> bytes:
    """Return bytes in the framing that S3's clients sign."""
    cut = [data[at : at + size] for at in range(0, len(data), size)] + [b""]
    line = ";chunk-signature=" + "0a" * 32
    return b"".join(f"{len(each):x}{line}\r\n".encode() + each + b"\r\n" for each in cut)


BLOB = "https://acme.blob.core.example/box/export.xlsx"


def block(identity: str, body: bytes) -> Transfer:
    """Return a block of Azure."""
    return sent("PUT", f"{BLOB}?comp=block&blockid={identity}&sv=2024-11-04&sig=q%2Bz", {}, body)


def block_list(*identities: str) -> Transfer:
    """Return the list that makes blocks a blob."""
    listed = "".join(f"<Latest>{identity}</Latest>" for identity in identities)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
    return sent("PUT", f"{BLOB}?comp=blocklist&sig=other", {}, body.encode())


def dropbox(call: str, start: int | None = None, body: bytes = b"", session: str = "pid_1:AAA") -> Transfer:
    """Return a call of an upload session."""
    cursor = {"cursor": {"session_id": session, "offset": start}} if start is not None else {}
    if call == "finish":
        cursor["commit"] = {"path": "/q3.zip", "mode": "add"}
    headers = {"Dropbox-API-Arg": json.dumps(cursor), "Content-Type": "application/octet-stream"}
    return sent("POST", f"https://content.dropboxapi.example/2/files/upload_session/{call}", headers, body)


DRIVE = "https://www.googleapis.example/upload/drive/v3/files?uploadType=resumable"


def drive(start: int, body: bytes, total: int | str = "*") -> Transfer:
    """Return a piece of a resumable upload of Google."""
    return ranged(start, body, total, f"{DRIVE}&upload_id=ABg5-UzVnAu")


def graph(start: int, body: bytes, total: int) -> Transfer:
    """Return a piece of an upload session of OneDrive."""
    return ranged(start, body, total, "https://sn3302.up.1drv.example/up/fe6987415ace7X4e1eF866337")


def ietf(start: int, body: bytes, *, last: bool) -> Transfer:
    """Return a piece of a resumable upload of the IETF."""
    headers = {"Upload-Complete": f"?{int(last)}", "Upload-Offset": str(start)}
    return sent("PATCH", "https://ietf.example/upload/b530ce8ff", headers, body)


def replace_body(transfer: Transfer, body: Buffer) -> Transfer:
    """Return a request with its body elsewhere."""
    return replace(transfer, body=body)
