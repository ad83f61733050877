"""nameko entrypoints: wire to handler and back."""

from eventlet import tpool
from sqlalchemy.orm import Session as Transaction

from chassis.rpc.server import Service, rpc
from contracts.rpc import Nothing
from contracts.rpc.members import (
    AddMember,
    ChangeMember,
    ChangePassword,
    CountRoles,
    CreateToken,
    GetRole,
    ListMembers,
    ListProjectRoles,
    ListSessions,
    ListTokens,
    Login,
    Logout,
    Member,
    MemberPage,
    Principal,
    ProjectRoles,
    RemoveMember,
    ResolveSession,
    ResolveToken,
    RevokeSession,
    RevokeToken,
    RoleAnswer,
    RoleCounts,
    Session,
    SessionPage,
    Token,
    TokenPage,
)
from services.members.handlers import memberships, sessions, tokens
from services.members.passwords import Passwords


class Members(Service):
    """RPC of the members service (contracts.rpc.members)."""

    name = "members"
    passwords = Passwords(run=tpool.execute)  # hashing in a greenlet would hold up every call

    @rpc(transaction=False)
    def login(self, request: Login) -> Session:
        return sessions.login(
            self.database,
            self.passwords,
            request.email,
            request.password,
            request.device,
            request.address,
            request.device_secret,
        )

    @rpc
    def logout(self, session: Transaction, request: Logout) -> Nothing:
        sessions.logout(session, request.session_id)
        return Nothing()

    @rpc
    def list_sessions(self, session: Transaction, request: ListSessions) -> SessionPage:
        return sessions.list_sessions(session, request.user_id, request.current, request.cursor, request.limit)

    @rpc
    def revoke_session(self, session: Transaction, request: RevokeSession) -> Nothing:
        sessions.revoke_session(session, request.user_id, request.session_id)
        return Nothing()

    @rpc(transaction=False)
    def change_password(self, request: ChangePassword) -> Nothing:
        with sessions.password_change(self.database, self.passwords, request) as change:
            return self.transact(request, change)

    @rpc
    def resolve_session(self, session: Transaction, request: ResolveSession) -> Principal:
        return sessions.resolve_session(session, request.secret)

    @rpc
    def resolve_token(self, session: Transaction, request: ResolveToken) -> Principal:
        return tokens.resolve_token(session, request.secret)

    @rpc
    def create_token(self, session: Transaction, request: CreateToken) -> Token:
        return tokens.create_token(
            session, request.user_id, request.name, request.expires_at, request.scope, request.project_id
        )

    @rpc
    def list_tokens(self, session: Transaction, request: ListTokens) -> TokenPage:
        return tokens.list_tokens(session, request.user_id, request.cursor, request.limit)

    @rpc
    def revoke_token(self, session: Transaction, request: RevokeToken) -> Nothing:
        tokens.revoke_token(session, request.user_id, request.token_id)
        return Nothing()

    @rpc
    def get_role(self, session: Transaction, request: GetRole) -> RoleAnswer:
        return memberships.get_role(session, request.project_id, request.user_id)

    @rpc
    def list_project_roles(self, session: Transaction, request: ListProjectRoles) -> ProjectRoles:
        return memberships.list_project_roles(session, request.user_id)

    @rpc
    def count_roles(self, session: Transaction, request: CountRoles) -> RoleCounts:
        return memberships.count_roles(session, request.project_id)

    @rpc(transaction=False)
    def add_member(self, request: AddMember) -> Member:
        password_hash = memberships.password_hash_for_new_user(self.database, self.passwords, request)
        return self.transact(request, lambda session: memberships.add_member(session, request, password_hash))

    @rpc
    def change_member(self, session: Transaction, request: ChangeMember) -> Member:
        return memberships.change_member(session, request.project_id, request.user_id, request.role)

    @rpc
    def remove_member(self, session: Transaction, request: RemoveMember) -> Nothing:
        memberships.remove_member(session, request.project_id, request.user_id)
        return Nothing()

    @rpc
    def list_members(self, session: Transaction, request: ListMembers) -> MemberPage:
        return memberships.list_members(session, request.project_id, request.role, request.cursor, request.limit)
