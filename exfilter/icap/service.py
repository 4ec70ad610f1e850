"""What an ICAP request becomes: judged, and answered so that what is held goes no further.

Fail closed. Rule 1: only an outcome that says `forward` is answered with 204, or with the request itself.
Rule 2: whatever goes wrong before an answer has begun is answered with a page in the place of the request;
after that the connection breaks. Rule 3: what the sender of a request can influence never becomes an error of
ICAP, because a proxy that is set to bypass an engine in trouble would let it pass; only what the proxy itself
does wrong does, and overload (503) - but not the overload of a sender who has other requests under way, which
he could make for this very purpose. Rule 4: in audit-only mode everything passes that is still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from exfilter.door import page
from exfilter.door.metrics import Refusal
from exfilter.door.problems import Problem
from exfilter.door.spool import Spool
from exfilter.icap import answers
from exfilter.icap.asked import Asked, asked, trailers, unknown
from exfilter.icap.crowd import Crowd
from exfilter.icap.events import End, Head, Malformed, Preview
from exfilter.icap.exchange import Exchange
from exfilter.icap.identity import Sender, Unnamed, sender
from exfilter.icap.intake import Intake
from exfilter.icap.link import Gone, Link
from exfilter.icap.setup import Setup
from exfilter.icap.tags import Tags

if TYPE_CHECKING:
    from exfilter.door.desk import Desk
    from exfilter.door.tasks import Outcome
    from exfilter.icap.identity import Encoding
    from exfilter.who.networks import Networks

LEAVES, RETURNS = "reqmod", "respmod"
"""The services: for what leaves, and for what comes back, which is let through."""
PREVIEW = 32 * 1024
"""Bytes that a client may send before it asks whether the rest is wanted: what is decided by then is decided
without the request being sent back."""
IDLE = 300.0
"""Seconds for which a client may keep a connection without a request."""

CROWDED = 503, "there are as many connections as there may be"

logger = logging.getLogger("exfilter.door")


@dataclass(slots=True)
class Service:
    """Answers the requests of all connections."""

    desk: Desk
    max_body: int
    trusted: Networks
    """Of the proxies that are believed who sends."""
    users: Encoding
    crowd: Crowd
    patience: float
    """Seconds between two pieces of a request."""
    contact: str = ""
    tags: Tags = field(init=False)
    setup: Setup = field(init=False)

    def __post_init__(self) -> None:
        self.tags = Tags(self.desk.check)
        self.setup = Setup(self.trusted)

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection, one after the other."""
        link = Link(reader, writer)
        try:
            with self.crowd.entered(link):
                await self._attended(link)
        except Malformed as error:
            await self._turn_away(link, error.status, str(error))
        except OSError:
            pass  # The client has gone, or says nothing, or takes nothing.
        except Exception as error:  # noqa: BLE001 - fail closed, rule 2
            logger.error("connection broken: %s", type(error).__name__)  # noqa: TRY400 - no value is told
            link.abort()
        finally:
            await link.close()

    async def _attended(self, link: Link) -> None:
        while await self._served(link) and not self.crowd.is_closing:
            self.crowd.rests(link)

    async def _served(self, link: Link) -> bool:
        """Answer the next request. Return whether another one may follow."""
        head = await link.begin(IDLE, self.patience)
        if not isinstance(head, Head):
            return False
        self.crowd.works(link)
        if wrong := self._unserved(head, link.peer):
            return await self._turn_away(link, *wrong)
        serve = {"OPTIONS": self._options, "RESPMOD": self._returned}.get(head.method, self._held_back)
        return await serve(link, head)

    def _unserved(self, head: Head, peer: str) -> tuple[int, str] | None:
        """Return why a request is turned away, whatever is encapsulated in it."""
        if self.crowd.is_too_large and head.method != "REQMOD":
            return CROWDED
        if head.service not in (LEAVES, RETURNS):
            self.setup.elsewhere(peer)
            return 404, f"there are /{LEAVES} and /{RETURNS}"
        if head.method == "REQMOD" and head.service != LEAVES:
            return 405, f"what leaves goes to /{LEAVES}"
        return None

    async def _turn_away(self, link: Link, status: int, why: str) -> bool:
        """Send an error of ICAP, and take nothing more on this connection."""
        try:
            await link.send(answers.error(status, why, self.tags.last, close=True))
        except OSError:
            link.abort()
        return False

    async def _options(self, link: Link, head: Head) -> bool:
        await self._end(link)
        methods = "REQMOD" if head.service == LEAVES else "RESPMOD"
        istag = await self.tags.now()
        said = answers.options(
            istag, "exfilter", methods=methods, preview=PREVIEW, max_connections=self.crowd.most
        )
        await link.send(said)
        return head.keep_alive

    async def _end(self, link: Link) -> None:
        """Read a request to its end, or to that of its preview, and forget it."""
        while not isinstance(event := await link.next(self.patience), End):
            if isinstance(event, Preview):
                link.parser.answered()
                return
            if event is None:
                raise Gone

    async def _returned(self, link: Link, head: Head) -> bool:
        """Let through what comes back."""
        self.setup.returns(link.peer)
        exchange = Exchange(link, head)
        if exchange.may_leave_alone:
            await self._end(link)
            await link.send(answers.no_content(self.tags.last))
            return head.keep_alive
        spool = Spool(self.max_body)
        try:
            async for piece in exchange.pieces(self.patience):
                spool += piece
            if spool.dropped or not exchange.is_here:
                return False  # It cannot be sent back whole: the connection breaks.
            await exchange.send_back(self.tags.last, "res-hdr", spool)
        finally:
            spool.clear()
        return head.keep_alive

    async def _held_back(self, link: Link, head: Head) -> bool:
        """Hold a request until it is judged."""
        exchange = Exchange(link, head)
        intake = Intake(self.desk, *self._asked(head, link.peer), self.max_body)
        actor = intake.transfer.actor
        if self.crowd.is_too_large and not self.crowd.under_way[actor]:
            return await self._turn_away(link, *CROWDED)
        if self.crowd.is_too_large:
            intake.problem = Problem(CROWDED[1], Refusal.SATURATED, page.BUSY)
        with self.crowd.sending(actor), contextlib.closing(intake):
            return await self._answered(exchange, intake) and head.keep_alive

    async def _answered(self, exchange: Exchange, intake: Intake) -> bool:
        """Judge and answer. Return whether the connection can go on."""
        try:
            await self._judged(exchange, intake)
        except (Malformed, Gone):
            raise
        except Exception as error:  # noqa: BLE001 - fail closed, rule 2
            logger.error("request not judged: %s", type(error).__name__)  # noqa: TRY400 - no value is told
            if exchange.has_begun:
                exchange.link.abort()
            else:
                await self._unjudged(exchange, intake)
            return False
        return True

    def _asked(self, head: Head, peer: str) -> Asked:
        try:
            self.setup.look(head, peer)
            return asked(head, peer, partial(self._sender, head, peer))
        except Exception as error:  # noqa: BLE001 - fail closed, rule 3
            logger.error("head not read: %s", type(error).__name__)  # noqa: TRY400 - no value is told
            return unknown(peer), Problem("a defect in reading its head", Refusal.OTHER, page.REFUSED)

    def _sender(self, head: Head, peer: str) -> Sender:
        try:
            return sender(head.headers, peer, self.trusted, self.users)
        except Unnamed as error:
            self.setup.unsaid(peer, str(error))
            raise

    async def _judged(self, exchange: Exchange, intake: Intake) -> None:
        async for piece in exchange.pieces(self.patience):
            intake.take(piece)
        fields, wrong = trailers(exchange.whole)
        intake.problem = intake.problem or wrong
        is_here = exchange.is_here and not intake.spool.dropped
        outcome = await intake.judge(fields, lost=not (is_here or exchange.may_leave_alone))
        try:
            await self._answer(exchange, intake, outcome)
        except BaseException:
            # Once a byte is on its way nobody knows how much arrives: it counts, and the release is used up.
            if outcome.released and not exchange.has_begun:
                await self.desk.restore(outcome.released)
            raise

    async def _answer(self, exchange: Exchange, intake: Intake, outcome: Outcome) -> None:
        istag = self.tags.hear(outcome)
        if outcome.released and exchange.link.has_gone:
            raise Gone
        if outcome.forward:
            await exchange.forward(istag, intake.spool)
        elif outcome.busy and self.crowd.under_way[intake.transfer.actor] == 1:
            await exchange.complain(istag, 503, "as many requests wait as may")
        else:
            await self._refuse(exchange, intake, outcome)

    async def _refuse(self, exchange: Exchange, intake: Intake, outcome: Outcome) -> None:
        otherwise = page.BUSY if outcome.busy else page.REFUSED
        said = page.HELD if outcome.transfer_id else intake.trouble.page if intake.trouble else otherwise
        accept, is_head = intake.transfer.header("accept"), intake.transfer.method == "HEAD"
        answer = said.answer(accept, self.contact, outcome.transfer_id)
        await exchange.refuse(self.tags.last, answer, is_head=is_head)

    async def _unjudged(self, exchange: Exchange, intake: Intake) -> None:
        """Answer what could not be judged."""
        is_here = exchange.is_here and not intake.spool.dropped
        if self.desk.audit_only and is_here:
            await exchange.forward(self.tags.last, intake.spool)
        else:
            await exchange.refuse(self.tags.last, page.REFUSED.answer("", self.contact))
