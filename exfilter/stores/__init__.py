"""Where files lie: local folders and object stores, listed and read without a copy on disk."""

from exfilter.stores.item import Item, Unreadable
from exfilter.stores.opening import again, listed, opened

__all__ = ["Item", "Unreadable", "again", "listed", "opened"]
