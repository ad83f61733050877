"""Which events this service takes."""

from chassis.consumer import Subscription
from contracts.events import InvitationMailRequested, PasswordResetRequested, ProjectDeleted, ProjectRestored
from services.members.handlers import invitations, memberships, resets

SUBSCRIPTIONS = (
    Subscription(
        "members.events.v1",
        {ProjectDeleted: memberships.project_deleted, ProjectRestored: memberships.project_restored},
    ),
    # a mail server takes its time: nothing else waits for it
    Subscription(
        "members.mail.v1",
        {InvitationMailRequested: invitations.send, PasswordResetRequested: resets.send},
        prefetch=1,
        own_transactions=True,
        given_up={InvitationMailRequested: invitations.give_up},
    ),
)
