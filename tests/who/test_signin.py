"""Credentials to a proven name: parsed after RFC 7617, checked beside the event loop, guesses counted."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.who import signin, users
from exfilter.who.signin import Credentials, Guesses, SignIn
from tests.who.test_users import bcrypted

if TYPE_CHECKING:
    from collections.abc import Coroutine

PRINTABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def header(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} " + base64.b64encode(f"{user}:{password}".encode()).decode()


@given(
    PRINTABLE.filter(lambda user: ":" not in user), PRINTABLE, st.sampled_from(["Basic", "basic", "BASIC"])
)
def test_the_first_colon_ends_the_name(user: str, password: str, scheme: str) -> None:
    assert signin.basic(header(user, password, scheme)) == Credentials(user, password)


@given(st.text(max_size=60))
def test_any_header_is_read_or_is_none(text: str) -> None:
    for given_header in (text, f"Basic {text}"):
        found = signin.basic(given_header)
        assert found is None or isinstance(found.password, str)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic",
        "Basic !",
        "Bearer YTpi",
        "Basic YWJj",
        "Basic " + base64.b64encode(b"j\xf6rg:x").decode(),
        "Basic YTpi YTpi",
    ],
)
def test_what_holds_no_credentials_is_none(text: str) -> None:
    assert signin.basic(text) is None


def test_a_password_is_never_shown() -> None:
    assert "swordfish" not in repr(Credentials("anna", "swordfish"))
    assert "stored" not in repr(signin.Ticket("anna", "stored"))


@dataclass
class Desk:
    """Users that can change, a clock that is set, and a count of what was checked."""

    known: dict[str, str] = field(default_factory=lambda: {"anna": bcrypted("a:b:c"), "ben": bcrypted("x")})
    now: float = 1000.0
    checks: int = 0

    def __post_init__(self) -> None:
        self.sign_in = SignIn(lambda: self.known, lambda: self.now)

    def fits(self, *arguments: object) -> bool:
        self.checks += 1
        return _fits(*arguments)  # type: ignore[arg-type]

    async def check(self, user: str, password: str, address: str = HERE) -> bool:
        return await self.sign_in.check(Credentials(user, password), address) is not None


_fits = users.fits


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(users, "fits", made.fits)
    return made


def run[T](work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)


def test_a_right_password_is_checked_once_an_hour(desk: Desk) -> None:
    async def hour() -> None:
        assert all([await desk.check("anna", "a:b:c") for _ in range(5)])
        assert desk.checks == 1
        desk.now += SignIn.RIGHT
        assert await desk.check("anna", "a:b:c")
        assert desk.checks == 2

    run(hour())


def test_many_connections_at_once_cost_one_check(desk: Desk) -> None:
    async def burst() -> list[bool]:
        return await asyncio.gather(*(desk.check("anna", "a:b:c") for _ in range(20)))

    assert all(run(burst()))
    assert desk.checks == 1


def test_a_password_that_changes_is_forgotten_at_once(desk: Desk) -> None:
    async def change() -> None:
        ticket = await desk.sign_in.check(Credentials("anna", "a:b:c"), HERE)
        assert ticket is not None
        assert desk.sign_in.honours(ticket)
        desk.known["anna"] = bcrypted("new")
        assert not desk.sign_in.honours(ticket)
        assert not await desk.check("anna", "a:b:c")
        assert await desk.check("anna", "new")
        del desk.known["anna"]
        assert not await desk.check("anna", "new")

    run(change())


def test_ten_wrong_passwords_a_minute_then_nothing_is_checked(desk: Desk) -> None:
    async def guess() -> None:
        assert await desk.check("ben", "x")
        answers = await asyncio.gather(*(desk.check("anna", f"guess {number}") for number in range(30)))
        assert not any(answers)
        assert desk.checks == 1 + Guesses.AT_MOST
        assert not await desk.check("anna", "a:b:c"), "also the right one has to wait"
        assert await desk.check("ben", "x"), "who is remembered does not"
        assert await desk.check("anna", "a:b:c", THERE), "another address does not"
        desk.now += Guesses.WITHIN
        assert not await desk.check("anna", "wrong")
        assert await desk.check("anna", "a:b:c")

    run(guess())


def test_the_same_wrong_password_again_and_again_is_one_guess(desk: Desk) -> None:
    async def stale() -> None:
        for _ in range(3 * Guesses.AT_MOST):
            assert not await desk.check("anna", "last year's")
        assert desk.checks == 1
        assert await desk.check("ben", "x")
        desk.known["anna"] = bcrypted("last year's")
        assert await desk.check("anna", "last year's"), "a line that changes is looked at"

    run(stale())


def test_right_passwords_are_no_guesses(desk: Desk) -> None:
    async def hours() -> None:
        for _ in range(3 * Guesses.AT_MOST):
            assert await desk.check("anna", "a:b:c")
            desk.now += SignIn.RIGHT

    run(hours())


def test_a_network_of_addresses_is_one_guesser() -> None:
    guesses = Guesses(lambda: 0.0)
    taken = [guesses.take(f"2001:db8::{number}") for number in range(Guesses.AT_MOST + 1)]
    assert taken == [True] * Guesses.AT_MOST + [False]
    assert guesses.take("2001:db8:1::1")


def test_addresses_do_not_pile_up() -> None:
    guesses = Guesses(lambda: 0.0)
    for number in range(2 * Guesses.ADDRESSES):
        guesses.take(str(number))
    assert len(guesses._taken) == Guesses.ADDRESSES


@given(st.text(st.characters(categories=["Cc", "Cs"]), min_size=1, max_size=3))
def test_control_characters_are_in_no_name_and_no_password(text: str) -> None:
    desk = Desk()

    async def both() -> bool:
        return await desk.check("anna" + text, "a:b:c") or await desk.check("anna", "a:b:c" + text)

    assert not run(both())


def test_the_event_loop_goes_on_while_a_password_is_checked() -> None:
    slow = bcrypt.hashpw(b"x", bcrypt.gensalt(11)).decode()
    sign_in = SignIn(lambda: {"anna": slow})

    async def longest_gap() -> tuple[float, float]:
        begin = time.perf_counter()
        check = asyncio.create_task(sign_in.check(Credentials("anna", "x"), HERE))
        longest, last = 0.0, time.perf_counter()
        while not check.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        assert await check
        return longest, time.perf_counter() - begin

    longest, whole = run(longest_gap())
    assert longest < whole / 2


def test_an_empty_name_and_no_users_are_nobody() -> None:
    desk = Desk(known={})
    assert not run(desk.check("", ""))
    assert not run(desk.check("anna", ""))
