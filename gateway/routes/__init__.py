"""The routes of /api/v1, one module for each group of them."""

from gateway.routes import (
    account,
    audit,
    auto_label,
    counters,
    exports,
    failed,
    guidelines,
    imports,
    invitations,
    issues,
    labels,
    library,
    members,
    overview,
    projects,
    resets,
    sign_on,
    users,
)
from gateway.routing import Group

GROUPS: tuple[Group, ...] = (
    account.group,
    sign_on.group,
    resets.group,
    projects.group,
    overview.group,
    guidelines.group,
    auto_label.group,
    members.group,
    users.group,
    invitations.group,
    library.group,
    labels.group,
    issues.group,
    imports.group,
    exports.group,
    counters.group,
    failed.group,
    audit.group,
)
