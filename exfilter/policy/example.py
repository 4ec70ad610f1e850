"""The policy that ``exfilter init`` writes: a start to be edited, with every key explained."""

from __future__ import annotations

_TEXT = """\
# exfilter policy: what happens to a transfer that carries customers.
#
# A rule applies when all of its conditions hold, and speaks when all of its thresholds are reached.
# The most severe action of the rules that speak is what happens: allow < alert < quarantine < block.
# An allow rule exempts the transfers to which it applies from the rules AFTER it; one with a ceiling not from
# those that look back. What one without a ceiling lets pass counts apart. When no rule speaks, a
# transfer passes. More findings never soften a verdict.
#
# Conditions (lists): actor (globs), group, destination (classes, hosts, "*.below.this.example"), method,
#   content ("json", "form", "multipart", "text", "file"), door ("proxy", "scan", "replay", "icap").
# Thresholds ("at least"): customers, identified, unscanned_bytes, unscanned_reasons = [...],
#   terms = { label = count }. An allow rule has none, only a ceiling: max_customers.
# Thresholds that look back, over days = 1, 7, 30 or 365 (today counts) and by = "actor" (if nothing is said),
#   "group" or "destination": sent_customers (distinct ones) and new_customers (not sent before those days);
#   viewed_customers: whom the actor was shown by the hosts that read_hosts in exfilter.toml names.
# unusual = 1e-4: so likely at most is a day like today, by the actor's own past and that of his peers, in
#   of = ["new"] customers, or in "customers", "destinations", "unscanned" (bytes) or "viewed".
#   These hold no transfer without customers. What was held, and not released, does not count.
# An allow rule lets canaries (invented customers, see "exfilter canaries") pass only with canaries = true.
# What else follows when a rule speaks, if it is not an allow rule:
#   suspend = true: everything of this actor is held, also what carries nobody, until a reviewer lifts it
#   (`exfilter suspend lift`). Who is known by an address only is everybody behind that address.
#   tell = ["soc"]: receivers that hear of it. No customer's value and no URL is told.

[defaults]
# What happens to a transfer that could not be examined at all.
on_failure = "quarantine"
# What happens to any transfer with a canary: one is enough.
on_canary = "quarantine"

[defaults.on_unscanned]
# What happens to parts that could not be read: from how many bytes on, by reason.
encrypted   = { quarantine = 0 }
over-budget = { quarantine = 0 }
deadline    = { quarantine = 0 }
malformed   = { quarantine = 0 }
opaque      = { alert = 0, quarantine = 4_096 } # no known kind, or one that is not read: may hold anything
unsupported = { alert = 0, quarantine = 16_384 } # pictures, sound, film: 16 KiB show a page of a list

[destinations]
# Classes of hosts. "*.crm.example" is every host below crm.example, "crm.example" that host alone.
crm = ["crm.example", "*.crm.example"]

[uploads]
# Uploads in pieces to these destinations pass piece by piece while nothing is found in them; the whole is
# read before the request that completes it passes. A piece of an archive or a document cannot be read by
# itself: to other destinations it is held by the steps above.
# destinations = ["drive"]       # classes, hosts, "*.below.this.example"
# What happens to uploads in pieces to other destinations: "scan", or "refuse" whatever is in them.
elsewhere = "scan"

[groups]
# Named groups of actors (names of client certificates, proxy users, else client addresses), as globs.
# Members may also come from groups_file or a directory (see exfilter.toml); a group of those alone is [].
# support = ["anna", "support-*"]

# Who is there to send many customers: counted apart, and no threshold that looks back applies.
# [[bulk]]
# actor = ["svc-crm-sync"]
# destination = ["crm"]

[streams]
# Calls of gRPC that go on while they are answered. To these destinations each message is judged for itself,
# with those before it, and then goes on. Elsewhere a call is held until it ends, and breaks if it does not.
# destinations = ["grpc.crm.example"]

[terms]
# Words that count wherever they appear, in any case: label = [words].
# classified = ["Company Confidential"]

# Who is told. Each secret stands in a file of mode 0600 beside this one. A webhook is signed (Standard
# Webhooks; the key's file has a line whsec_...); syslog is tls://, tcp:// or udp://, as "cef" or "ocsf";
# smtp:// wants STARTTLS, smtps:// is TLS from the start. ca_file names other authorities than the system's.
# [receivers.soc]
# kind = "webhook"
# url = "https://soc.corp.example/exfilter"
# key_file = "soc.key"
# [receivers.siem]
# kind = "syslog"
# url = "tls://siem.corp.example:6514"
# format = "cef"
# [receivers.duty]
# kind = "mail"
# url = "smtp://mail.corp.example:587"
# sender = "exfilter@corp.example"
# to = "duty@corp.example"
# user = "exfilter"
# password_file = "mail.password"

# Of every actor who is suspended or lifted, and of every canary, these hear too.
# [tell]
# suspensions = ["soc"]
# canaries = ["soc"]

# The company's own systems, which are there to receive customers.
[[rules]]
name = "crm may receive customers"
destination = ["crm"]
action = "allow"
canaries = true # they are planted there

# [[rules]]
# name = "classified"
# terms = { classified = 1 }
# action = "quarantine"

[[rules]]
name = "many customers"
customers = 20
action = "quarantine"

[[rules]]
name = "several customers"
customers = 5
action = "alert"

# What drips out stays below every threshold on one transfer.
[[rules]]
name = "many new customers in a day"
new_customers = 200
days = 1
action = "quarantine"

[[rules]]
name = "an unusual day"
unusual = 1e-4
new_customers = 20
days = 1
action = "alert"

[[rules]]
name = "many new customers in a month"
new_customers = 1_000
days = 30
action = "quarantine"
"""


def default_policy_text() -> str:
    """Return the commented TOML of a policy that works as it stands."""
    return _TEXT
