"""Fleet policies: what docks may do, as their archive signed it. Only newer ones are taken on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.custody.envelopes import seal, unseal
from agent.custody.keys import PublicKey, SecretKey
from agent.custody.orders import Handler, Order
from agent.custody.pinned import Pinned
from agent.errors import Malformed, Untrusted, UsageError
from agent.spool.ledger import Ledger
from agent.wire.contract import decode
from agent.wire.evidence import POLICY_TYPE, Policy


def sign(policy: Policy, key: SecretKey) -> bytes:
    """The policy in its envelope, by the archive's key."""
    return seal(POLICY_TYPE, policy.encode(), key)


def take_on(ledger: Ledger, envelope: bytes, pinned: Sequence[PublicKey], who: str) -> Policy:
    """Keep a policy, from here on in force where the configuration follows the fleet's.

    Raises `Untrusted` where no pinned key signed it, `Malformed` for what is none, `WrongState`
    for one that is not newer than the newest.
    """
    try:
        policy = decode(Policy, unseal(POLICY_TYPE, envelope, pinned))
        text = envelope.decode()
    except Untrusted as error:
        raise Untrusted(
            "a policy that no pinned key signed", do="compare with `bodydock archive key`"
        ) from error
    except UnicodeDecodeError as error:
        raise Malformed(f"Policy: {error}") from error
    ledger.policy_taken(policy.serial, text, who=who, **facts_of(policy))
    return policy


def taking(configured: Sequence[PublicKey]) -> Handler:
    """The handler of the order "policy", for a dock that pins these archive keys."""

    def take(ledger: Ledger, order: Order) -> dict[str, Any]:
        envelope = order.what.get("envelope")
        if not isinstance(envelope, str):
            raise UsageError("the order has no policy in it", do="send the archive's whole file")
        pinned = Pinned(configured, ledger.journal.archive_changes())
        policy = take_on(ledger, envelope.encode(), pinned, order.who)
        return {"serial": policy.serial, **facts_of(policy)}

    return take


def facts_of(policy: Policy) -> dict[str, Any]:
    """What the custody log says of a policy."""
    return {
        "by": policy.by,
        "approval": policy.approval,
        "issued_at": policy.issued_at,
        "clearing": policy.clearing,
        "grace_hours": policy.grace_hours,
        "early_below": policy.early_below,
    }
