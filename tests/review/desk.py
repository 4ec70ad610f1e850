"""A desk on loopback, as ``exfilter review`` serves it, and browsers without a screen."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx
import uvicorn

from exfilter import settings
from exfilter.index import keys
from exfilter.ledger.acts import Act, listed
from exfilter.review.app import make
from exfilter.review.roles import Role
from exfilter.review.served import Served
from exfilter.review.serving import bound, configured

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from fastapi import FastAPI

PASSWORDS = {
    "ann": "three blue herons at dawn",
    "rob": "a lighthouse made of rye",
    "ada": "nine quiet violins below",
}
ROLES = {"ann": Role.ANALYST, "rob": Role.REVIEWER, "ada": Role.ADMIN}
TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Desk:
    """A folder with three accounts, and its desk on a free port."""

    folder: Path
    text: str = ""
    """Of exfilter.toml."""
    app: FastAPI = field(init=False)
    told: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        (self.folder / settings.FILE).write_text(self.text)
        if not (self.folder / "index.key").exists():
            keys.generate(self.folder / "index.key")
        self._socket = bound("127.0.0.1", 0)
        port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        served = Served(port=port)
        self.app = make(settings.load(self.folder), served, self.told.append)
        for name, role in ROLES.items():
            self.state.register.accounts.add(name, role, PASSWORDS[name])
        self._server = uvicorn.Server(configured(self.app, served))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    @property
    def state(self) -> Any:  # noqa: ANN401 - Starlette's
        return self.app.state

    def acts(self, act: str = "") -> list[Act]:
        return listed(self.state.ledger.database, act)

    def cookie(self, name: str) -> str:
        """Return a cookie's full name."""
        return str(self.state.served.cookie(name))

    def browser(self, **headers: str) -> Browser:
        return Browser(self.url, headers)

    def as_(self, name: str) -> Browser:
        """Return a browser in which somebody is logged in."""
        browser = self.browser()
        answer = browser.log_in(name)
        assert answer.status_code == 303, answer.text
        return browser


class Browser(httpx.Client):
    """A client that fills in forms as a browser does: with the token of the page that they are on."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        super().__init__(base_url=url, headers=headers, trust_env=False, timeout=20)

    def csrf(self, page: str = "/login") -> str:
        found = TOKEN.search(self.get(page).text)
        assert found, "no form on this page"
        return found[1]

    def fill(self, path: str, page: str = "/account", **fields: Any) -> httpx.Response:  # noqa: ANN401 - fields
        return self.post(path, data={"csrf": self.csrf(page), **fields})

    def log_in(self, name: str, password: str | None = None, **fields: str) -> httpx.Response:
        secret = PASSWORDS.get(name, "") if password is None else password
        return self.fill("/login", "/login", name=name, password=secret, **fields)

    def is_in(self) -> bool:
        return self.get("/account").status_code == 200
