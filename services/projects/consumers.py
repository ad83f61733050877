"""Which events this service takes: its own, to clear away what they leave."""

from chassis.consumer import Subscription
from contracts.events import GuidelineChanged
from services.projects.handlers import guidelines

SUBSCRIPTIONS = (
    Subscription("projects.clearing.v1", {GuidelineChanged: guidelines.clear_away}, own_transactions=True),
)
