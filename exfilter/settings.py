"""The settings of a configuration folder: ``exfilter.toml``, where everything is and how much is allowed.

No environment variable changes a setting; only the index key may come from one.
"""

from __future__ import annotations

import os
import re
import tomllib
import zoneinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import phonenumbers
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from exfilter.limits import MIB

FILE = "exfilter.toml"
OCR = ("rapidocr", "onnxruntime", "cv2", "PIL")
"""What the extra of that name brings."""

ROLES = ("analyst", "reviewer", "admin")
"""Of who may use the reviewers' desk."""

_Path = Annotated[Path, Field(strict=False)]

DEFAULT_TEXT = """\
# Settings of exfilter. Paths are relative to this folder. Commented lines show the defaults.

# Region (ISO 3166, such as "US" or "DE") of phone numbers without a country code in the
# customer table. "" = none: such a number is found only as it is written there.
region = ""

# Seconds in which a sender has an answer once his request is whole. A transfer whose scan takes more than
# 70 % of it is held; the rest is for sealing and recording.
# deadline = 60

# Seconds that a client of the proxy may take for the head of a request, and between two pieces of its
# body, before its connection is closed.
# patience = 30

# Bytes of the largest body that is scanned whole: 256 MiB. What goes beyond is unscanned; the proxy refuses
# what is larger.
# max_body = 268435456

# Passwords to try on encrypted archives and documents, beside those that a transfer itself tells.
# passwords = []

# How a sender reaches the reviewers: an e-mail address, a phone number, a room. Shown on the page of a held
# transfer, and to those whom the proxy does not know: to everybody who reaches it.
# contact = ""

# Whether to read what pictures show. Needs `pip install 'exfilter[ocr]'`, 1 GB of memory for each process
# that scans, and about ten seconds a page. Without it, pictures are unscanned.
# ocr = false

# Whether the decision log and the ledger call actors by pseudonyms; `exfilter pseudonym NAME` says what they
# call somebody, and `exfilter case open PSEUDONYM` who it is, with the reviewers' private key.
# pseudonyms = false

# Who belongs to the groups of the policy, beside its globs: a file with lines "group: user user ...".
# groups_file = ""

# And a directory: ldaps://HOST, or ldap://HOST (StartTLS). The filter finds the entry of a person, or the
# entries of the person's groups; the attribute names the groups. The password of ldap_bind_dn stands in a
# file of mode 0600, or in the environment variable EXFILTER_LDAP_PASSWORD. "" = none, or the system's.
# ldap_url = ""
# ldap_bind_dn = ""
# ldap_password_file = ""
# ldap_ca = ""
# ldap_base = ""
# ldap_filter = "(uid={actor})"
# ldap_group_attribute = "memberOf"

# Processes that scan side by side. Default: one for each core.
# workers = 2

# Transfers that may wait for such a process. Whoever comes when so many wait is told to try again.
# queue = 128
# Hours that the pieces of an unfinished upload are kept (encrypted), to read it whole when it ends.
# upload_hours = 24
# Bytes of all such pieces together: 8 GiB. What comes beyond is unscanned.
# upload_bytes = 8589934592

# index = "index"
# index_key = "index.key"
# policy = "policy.toml"
# quarantine = "quarantine"
# uploads = "uploads"
# decisions = "decisions.jsonl"
# reviewers = "reviewers.txt"
# reviewer_key = "reviewer.key"
# proxy_ca = "proxy-ca"
# pseudonym_key = "pseudonym.key"
# audit_key = "audit.key"

# Where it stands who sent whom: a file, or postgresql://USER@HOST:PORT/DATABASE, a server that several
# doors share (it needs the extra: pip install 'exfilter[postgres]'). TLS is used for one on another machine.
# The password stands in a file of mode 0600, or in the environment variable EXFILTER_LEDGER_PASSWORD.
# "" = none, or the system's authorities.
# ledger = "ledger.sqlite"
# ledger_password_file = ""
# ledger_ca = ""
# Internal hosts ("desk.corp.example", "*.below.this.example") whose responses are read on their way back:
# whom each actor was shown, for viewed_customers in the policy. They are never held back. [] = none.
# read_hosts = []
# Where days begin and end.
# timezone = "UTC"

# Days after which it is not known any more who sent whom. Rules look back 365 days at most; with fewer here,
# what is older counts as never sent.
# retention_days = 400

# Folder for the bodies that the proxy holds while they arrive and are scanned, in files without a name. It
# should lie on a disk with room for as many of the largest bodies as arrive at a time.
# spool = "spool"
# Bytes of all bodies that are held at a time: 4 GiB. What comes beyond is refused.
# spool_bytes = 4294967296

# The reviewers' desk in the browser: `exfilter review`. Who may is in a database of its own.
# review = "review.sqlite"
# Host names by which browsers call it, beside the address that it listens on: ["review.corp.example"].
# review_hosts = []
# Minutes without a request after which a reviewer is logged out, and hours after which in any case.
# review_idle_minutes = 30
# review_session_hours = 10
# Whether a release, and opening a body, takes two different reviewers: the first one's wish waits for a day.
# second_reviewer = false

# Log-in by OpenID Connect: the issuer ("https://login.corp.example") and the id that it knows this desk by.
# The secret stands in a file of mode 0600; "" = none, a public client. oidc_ca: the only authorities that
# the issuer is trusted by; "" = the system's. The redirect address to register there is
# https://HOST/login/back. The claim of oidc_name becomes the name; who has a value of oidc_roles in the
# claim of oidc_role_claim gets that role, the highest of several; nobody else gets in.
# oidc_issuer = ""
# oidc_client_id = ""
# oidc_secret_file = ""
# oidc_ca = ""
# oidc_name = "preferred_username"
# oidc_role_claim = "groups"
# oidc_roles = {}
"""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """What ``exfilter.toml`` says. Every path is absolute or relative to the working directory."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, strict=True)

    folder: _Path
    """The configuration folder itself."""
    index: _Path = Path("index")
    index_key: _Path = Path("index.key")
    policy: _Path = Path("policy.toml")
    quarantine: _Path = Path("quarantine")
    uploads: _Path = Path("uploads")
    """Uploads in pieces that are under way."""
    decisions: _Path = Path("decisions.jsonl")
    reviewers: _Path = Path("reviewers.txt")
    """Public keys that bodies are sealed to."""
    reviewer_key: _Path = Path("reviewer.key")
    proxy_ca: _Path = Path("proxy-ca")
    spool: _Path = Path("spool")
    """Where bodies lie while they are held, in files without a name."""
    pseudonym_key: _Path = Path("pseudonym.key")
    audit_key: _Path = Path("audit.key")
    """Signs the checkpoints of the audit log; made when it is first needed."""
    groups_file: _Path = Path()
    """Members of groups. The empty path: none."""
    ldap_url: str = ""
    """Empty: no directory is asked for groups."""
    ldap_bind_dn: str = ""
    """Empty: anonymous."""
    ldap_password_file: _Path = Path()
    ldap_ca: _Path = Path()
    """The only authorities that the directory is trusted by. The empty path: the system's."""
    ldap_base: str = ""
    ldap_filter: str = "(uid={actor})"
    ldap_group_attribute: str = "memberOf"
    ledger: str = "ledger.sqlite"
    """A file, or the URL of a PostgreSQL server."""
    ledger_password_file: _Path = Path()
    ledger_ca: _Path = Path()
    """The only authorities that the server of the ledger is trusted by. The empty path: the system's."""
    review: _Path = Path("review.sqlite")
    """Accounts, sessions and tokens of the reviewers' desk."""
    review_hosts: tuple[str, ...] = Field(default=(), strict=False)
    """Host names by which browsers call the desk. Empty: the address that it listens on."""
    review_idle_minutes: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    review_session_hours: float = Field(default=10.0, gt=0, le=24, allow_inf_nan=False)
    second_reviewer: bool = False
    """Whether a release, and opening a body, takes two."""
    oidc_issuer: str = ""
    """Empty: no log-in by OpenID Connect."""
    oidc_client_id: str = ""
    oidc_secret_file: _Path = Path()
    """The empty path: a public client."""
    oidc_ca: _Path = Path()
    """The only authorities that the issuer is trusted by. The empty path: the system's."""
    oidc_name: str = "preferred_username"
    """Claim that becomes the account's name."""
    oidc_role_claim: str = "groups"
    oidc_roles: dict[str, str] = Field(default={})
    """Value of that claim: role."""
    timezone: str = "UTC"
    """IANA name: where days begin and end."""
    read_hosts: tuple[str, ...] = Field(default=(), strict=False)
    """Internal hosts, whose responses are counted by the customers in them. Empty: none are read."""
    retention_days: int = Field(default=400, ge=7, le=36_500)
    """Days that the ledger keeps, today included."""
    pseudonyms: bool = False
    """Whether the decision log and the ledger call actors by pseudonyms."""
    region: str = ""
    """Region of phone numbers without country code. Empty: none."""
    deadline: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    """Seconds for one transfer."""
    patience: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """Seconds for the head of a request, and between two pieces of its body."""
    max_body: int = Field(default=256 * MIB, gt=0)
    """Bytes."""
    spool_bytes: int = Field(default=4096 * MIB, gt=0)
    """Of all bodies that are held at a time."""
    upload_hours: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Hours without a request after which an upload in pieces is forgotten."""
    upload_bytes: int = Field(default=8192 * MIB, gt=0)
    """Of all pieces of unfinished uploads."""
    passwords: tuple[str, ...] = Field(default=(), repr=False, strict=False)
    """To try on encrypted archives and documents."""
    contact: str = Field(default="", max_length=200)
    """How a sender reaches the reviewers. Empty: nobody said."""
    ocr: bool = False
    """Whether the pixels of pictures are read."""
    workers: int = Field(default_factory=_cores, ge=1, le=1024)
    queue: int = Field(default=128, ge=0)
    """Transfers that may wait for a worker."""

    @field_validator("passwords", mode="before")
    @classmethod
    def _list_of_passwords(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            msg = 'give a list of texts, such as passwords = ["first", "second"]'
            raise ValueError(msg)
        return value

    @field_validator("contact")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            msg = "give one line of text, such as an e-mail address or a phone number"
            raise ValueError(msg)
        return value.strip()

    @field_validator("read_hosts", "review_hosts", mode="before")
    @classmethod
    def _list_of_hosts(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            msg = 'give a list of hosts, such as ["desk.corp.example"]'
            raise ValueError(msg)
        return tuple(each.strip().lower().removesuffix(".") for each in value)

    @field_validator("oidc_issuer")
    @classmethod
    def _safe_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            msg = "give the https:// address of the issuer: who can change its answers can be anybody"
            raise ValueError(msg)
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _known_roles(cls, value: dict[str, str]) -> dict[str, str]:
        if not set(value.values()) <= set(ROLES):
            msg = f'give one of {", ".join(ROLES)} for each value, such as {{ "dlp-team" = "reviewer" }}'
            raise ValueError(msg)
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return value if value == "UTC" else zoneinfo.ZoneInfo(value).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            msg = "not a time zone that this machine knows: give a name such as UTC or Europe/Berlin"
            raise ValueError(msg) from None

    @field_validator("region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        return region(value)

    @field_validator("ocr")
    @classmethod
    def _installed(cls, value: bool) -> bool:  # noqa: FBT001 - how pydantic calls it
        if value and not all(map(find_spec, OCR)):
            msg = "the extra is missing: run `pip install 'exfilter[ocr]'`, or set it to false"
            raise ValueError(msg)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing from the environment."""
        return (init_settings,)


PATHS = (
    "index",
    "index_key",
    "policy",
    "quarantine",
    "uploads",
    "decisions",
    "reviewers",
    "reviewer_key",
    "proxy_ca",
    "spool",
    "pseudonym_key",
    "audit_key",
    "review",
)
OPTIONAL_PATHS = (
    *("groups_file", "ldap_password_file", "ldap_ca", "ledger_password_file", "ledger_ca"),
    *("oidc_secret_file", "oidc_ca"),
)
"""The empty path stays empty: there is none."""


def region(code: str) -> str:
    """Return the region in upper case. Raises ValueError for one that has no phone numbers."""
    upper = code.strip().upper()
    if upper and upper not in phonenumbers.SUPPORTED_REGIONS:
        msg = f"{upper!r} is no region: give two letters of ISO 3166, such as US or DE"
        raise ValueError(msg)
    return upper


def load(folder: Path) -> Settings:
    """Return the settings of a configuration folder.

    Raises FileNotFoundError where there is none, ValueError with file, line and reason for a
    mistake in it.
    """
    file = folder / FILE
    try:
        text = file.read_text("utf-8")
        found = TomlConfigSettingsSource(Settings, file)()
    except FileNotFoundError:
        msg = f"{folder} is no configuration folder (no {FILE}): run `exfilter init DIR` first"
        raise FileNotFoundError(msg) from None
    except NotADirectoryError:
        msg = f"{folder} is a file: name the folder that {FILE} is in"
        raise FileNotFoundError(msg) from None
    except UnicodeDecodeError:
        msg = f"{file} is not UTF-8: save it as UTF-8"
        raise ValueError(msg) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"{file}: {error}"
        raise ValueError(msg) from None
    if "folder" in found:
        msg = f"{file}, line {_line(text, 'folder')}: folder is not a setting: remove it"
        raise ValueError(msg)
    try:
        settings = Settings(folder=folder, **found)
    except ValidationError as error:
        raise ValueError("; ".join(_mistakes(error, file, text))) from None
    given = (*PATHS, *(name for name in OPTIONAL_PATHS if getattr(settings, name).name))
    return settings.model_copy(update={name: folder / getattr(settings, name) for name in given})


def _mistakes(error: ValidationError, file: Path, text: str) -> list[str]:
    mistakes = []
    for mistake in error.errors():
        key = str(mistake["loc"][0])
        if mistake["type"] == "extra_forbidden":
            reason = f"{key} is not a setting: remove it, or correct its spelling"
        else:
            reason = f"{key}: {mistake['msg'].removeprefix('Value error, ')}"
        mistakes.append(f"{file}, line {_line(text, key)}: {reason}")
    return mistakes


def _line(text: str, key: str) -> int:
    """Return the line on which a top-level key or table stands; 1 where it hides."""
    place = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if place.match(line)), 1)
