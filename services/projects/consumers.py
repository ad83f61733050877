"""Which events this service takes: none yet."""

from chassis.consumer import Subscription

SUBSCRIPTIONS: tuple[Subscription, ...] = ()
