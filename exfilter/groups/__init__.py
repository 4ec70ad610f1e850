"""Which groups an actor belongs to: by a file, by a directory (LDAP). What groups may do is the policy's."""

from exfilter.groups.membership import Membership

__all__ = ["Membership"]
