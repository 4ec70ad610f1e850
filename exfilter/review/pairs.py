"""Which two accounts are two reviewers: both may decide now, and neither knows the other's password."""

from __future__ import annotations

from dataclasses import dataclass

from exfilter.quarantine import OS, AskedAlready
from exfilter.review.accounts import Account, Accounts
from exfilter.review.roles import Role


@dataclass(frozen=True, slots=True)
class Pairs:
    """A quarantine's Weighed."""

    accounts: Accounts

    def __call__(self, first: str, second: str) -> bool:
        """Whether the wish of the first still counts: the account is there, enabled, and may decide.

        Raises AskedAlready where one hand may be behind both.
        """
        one, other = self._found(first), self._found(second)
        if one is None or one.disabled or not one.role.includes(Role.REVIEWER):
            return False
        if other is None or _hands(one) & _hands(other):
            msg = (
                f"{first} and {second} do not count as two: one set the other's password, or somebody set "
                "both; who owns an account changes its password on the page Account first"
            )
            raise AskedAlready(msg)
        return True

    def _found(self, name: str) -> Account | None:
        try:
            return self.accounts.get(name)
        except ValueError:
            return None


def _hands(account: Account) -> set[str]:
    """Return who can act as an account. OS users of this machine are left out: they can do all things."""
    accounts = (account.name, account.set_by)
    return {each for each in accounts if each and not each.startswith(OS)}
