"""Devices that a user has signed in from: nobody else's wrong passwords hold them up."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.members import domain
from services.members.models import KnownDeviceRow


def users_of(session: Session, device_secret: str | None) -> set[UUID]:
    """Whose device it is."""
    if device_secret is None:
        return set()
    users = sa.select(KnownDeviceRow.user_id).where(
        KnownDeviceRow.secret_hash == domain.hash_secret(device_secret), KnownDeviceRow.expires_at > datetime.now(UTC)
    )
    return set(session.scalars(users))


def remember(session: Session, user_id: UUID, device_secret: str | None) -> str:
    """Know the device with `device_secret`, or a new one, as this user's; its new secret.

    The secret changes with every sign-in, for all users of the device: one that was copied, or put there by
    somebody else, is worth nothing afterwards.
    """
    now = datetime.now(UTC)
    secret = domain.new_secret()
    secret_hash = domain.hash_secret(secret)
    if device_secret is not None:
        same = KnownDeviceRow.secret_hash == domain.hash_secret(device_secret)
        session.execute(sa.update(KnownDeviceRow).where(same).values(secret_hash=secret_hash))
    known = insert(KnownDeviceRow).values(secret_hash=secret_hash, user_id=user_id, expires_at=now + domain.DEVICE_LIFE)
    session.execute(
        known.on_conflict_do_update(
            index_elements=[KnownDeviceRow.secret_hash, KnownDeviceRow.user_id],
            set_={"expires_at": known.excluded.expires_at},
        )
    )
    _forget_old(session, user_id, now)
    return secret


def forget(session: Session, user_id: UUID, but: str | None) -> None:
    """Know none of a user's devices any more, but that with the secret `but`."""
    gone = sa.delete(KnownDeviceRow).where(KnownDeviceRow.user_id == user_id)
    if but is not None:
        gone = gone.where(KnownDeviceRow.secret_hash != domain.hash_secret(but))
    session.execute(gone)


def _forget_old(session: Session, user_id: UUID, now: datetime) -> None:
    mine = KnownDeviceRow.user_id == user_id
    newest = sa.select(KnownDeviceRow.secret_hash).where(mine).order_by(KnownDeviceRow.expires_at.desc())
    too_many = KnownDeviceRow.secret_hash.in_(newest.offset(domain.DEVICES_KNOWN))
    session.execute(sa.delete(KnownDeviceRow).where(mine, (KnownDeviceRow.expires_at <= now) | too_many))
