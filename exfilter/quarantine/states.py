"""The states of a held transfer and the moves between them: held is left once, and for good."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """What has been decided about a held transfer."""

    HELD = "held"
    RELEASED = "released"
    """The sender's retry of the exact bytes passes once."""
    DENIED = "denied"
    CONFIRMED = "confirmed"
    """It was a leak."""


class IllegalMove(ValueError):  # noqa: N818 - the field's name for it
    """A move that the state machine does not have."""


class Unknown(ValueError):  # noqa: N818
    """An id that no transfer has."""


def check_move(transfer_id: str, now: State, wanted: State, decided: str = "") -> None:
    """Raise IllegalMove unless a transfer may go from one state to the other.

    ``decided``: by whom it was and when, for whoever comes second.
    """
    if now is not State.HELD or wanted is State.HELD:
        msg = (
            f"{transfer_id} is {now}{decided} and cannot become {wanted}: only held transfers can be "
            "decided; if the sender tries again, the new attempt is held under a new id"
        )
        raise IllegalMove(msg)
