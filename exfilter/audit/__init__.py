"""The audit log: a chain of hashes with signed checkpoints. Knows no database."""

from exfilter.audit.chain import GENESIS, Content, Fault, Link, fault
from exfilter.audit.signing import Checkpoint, Signer

__all__ = ["GENESIS", "Checkpoint", "Content", "Fault", "Link", "Signer", "fault"]
