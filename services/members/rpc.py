"""nameko entrypoints: wire to handler and back."""

from eventlet import tpool
from sqlalchemy.orm import Session as Transaction

from chassis import mail
from chassis.rpc.server import Service, rpc
from chassis.settings import settings
from contracts.errors import Problem
from contracts.rpc import Nothing
from contracts.rpc.members import (
    Accepted,
    AcceptInvitation,
    AddMember,
    ChangeMember,
    ChangePassword,
    ChangeUser,
    CompletePasswordReset,
    CountRoles,
    CreatePasswordReset,
    CreateToken,
    DeactivateUser,
    GetRole,
    GetSignInMethods,
    Invitation,
    InvitationPage,
    Invite,
    ListInvitations,
    ListMembers,
    ListProjectRoles,
    ListSessions,
    ListTokens,
    ListUsers,
    Login,
    Logout,
    Member,
    MemberPage,
    PasswordReset,
    Principal,
    ProjectRoles,
    ReactivateUser,
    RemoveMember,
    RequestPasswordReset,
    ResendInvitation,
    ResolveSession,
    ResolveToken,
    RevokeInvitation,
    RevokeSession,
    RevokeToken,
    RoleAnswer,
    RoleCounts,
    Session,
    SessionPage,
    SignInMethods,
    SignOn,
    TeamUserPage,
    Token,
    TokenPage,
    User,
)
from services.members.handlers import identities, invitations, memberships, resets, sessions, team, tokens
from services.members.passwords import Passwords


class Members(Service):
    """RPC of the members service (contracts.rpc.members)."""

    name = "members"
    passwords = Passwords(run=tpool.execute)  # hashing in a greenlet would hold up every call

    @rpc(transaction=False)
    def login(self, request: Login) -> Session:
        sessions.passwords_are_taken()
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
    def sign_on(self, session: Transaction, request: SignOn) -> Session:
        known = settings()
        return identities.sign_on(session, request, known.oidc_provision, known.oidc_mail_domains)

    @rpc
    def get_sign_in_methods(self, session: Transaction, request: GetSignInMethods) -> SignInMethods:
        passwords = settings().password_sign_in
        return SignInMethods(password=passwords, reset_by_mail=passwords and mail.configured())

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
    def request_password_reset(self, session: Transaction, request: RequestPasswordReset) -> Nothing:
        sessions.passwords_are_taken()
        if not mail.configured():
            raise Problem("unsupported", "No mails are sent here: ask an owner or admin of the team for a link.")
        resets.request(session, request.email, request.address)
        return Nothing()

    @rpc
    def create_password_reset(self, session: Transaction, request: CreatePasswordReset) -> PasswordReset:
        sessions.passwords_are_taken()
        return resets.create(session, request.user_id, request.actor)

    @rpc(transaction=False)
    def complete_password_reset(self, request: CompletePasswordReset) -> Nothing:
        sessions.passwords_are_taken()
        with self.database.reading() as session:
            resets.check(session, request.secret)  # who makes up links costs no slow hash
        password_hash = self.passwords.hash(request.new_password)

        def complete(session: Transaction) -> Nothing:
            resets.complete(session, request.secret, password_hash, request.end_sessions)
            return Nothing()

        return self.transact(request, complete)

    @rpc
    def resolve_session(self, session: Transaction, request: ResolveSession) -> Principal:
        return sessions.resolve_session(session, request.secret, request.address)

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
        return memberships.change_member(session, request)

    @rpc
    def remove_member(self, session: Transaction, request: RemoveMember) -> Nothing:
        memberships.remove_member(session, request)
        return Nothing()

    @rpc
    def list_members(self, session: Transaction, request: ListMembers) -> MemberPage:
        return memberships.list_members(session, request)

    @rpc
    def list_users(self, session: Transaction, request: ListUsers) -> TeamUserPage:
        return team.list_users(session, request)

    @rpc
    def change_user(self, session: Transaction, request: ChangeUser) -> User:
        return team.change_user(session, request)

    @rpc
    def deactivate_user(self, session: Transaction, request: DeactivateUser) -> User:
        return team.deactivate(session, request)

    @rpc
    def reactivate_user(self, session: Transaction, request: ReactivateUser) -> User:
        return team.reactivate(session, request)

    @rpc
    def invite(self, session: Transaction, request: Invite) -> Invitation:
        return invitations.invite(session, request)

    @rpc
    def list_invitations(self, session: Transaction, request: ListInvitations) -> InvitationPage:
        return invitations.list_invitations(session, request)

    @rpc
    def resend_invitation(self, session: Transaction, request: ResendInvitation) -> Invitation:
        return invitations.resend(session, request)

    @rpc
    def revoke_invitation(self, session: Transaction, request: RevokeInvitation) -> Invitation:
        return invitations.revoke(session, request)

    @rpc(transaction=False)
    def accept_invitation(self, request: AcceptInvitation) -> Accepted:
        if request.user_id is None:
            sessions.passwords_are_taken()
        password_hash = invitations.password_hash_for_accepting(self.database, self.passwords, request)
        return self.transact(request, lambda session: invitations.accept(session, request, password_hash))
