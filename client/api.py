"""The SDK: one method a route of the REST API, and the few combinations that everybody needs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

from . import live
from .downloads import fetch
from .transport import ATTEMPTS, ApiError, Transport, Unreachable
from .types import (
    Action,
    Archive,
    Asset,
    AssetDraft,
    AuditEntry,
    Body,
    CheckKind,
    Comparison,
    CounterCheck,
    Dataset,
    DifferingLabel,
    Duty,
    Export,
    ExportFormat,
    Exposure,
    FailedMessage,
    FailedMessageBody,
    FilterScope,
    Guideline,
    Import,
    ImportFormat,
    Invitation,
    InvitationState,
    Label,
    LabelChange,
    LabelFilter,
    LabelGroup,
    LabelsAdded,
    LabelWithBody,
    LiveMessage,
    Member,
    ObjectClassDraft,
    OnError,
    Overview,
    Project,
    ProjectEntry,
    ProjectRole,
    Quota,
    QuotaKind,
    RegisteredAsset,
    SavedFilter,
    Selection,
    Session,
    ShareLink,
    Status,
    Tag,
    Task,
    TeamRole,
    Token,
    TokenScope,
    Upload,
    User,
    Version,
)
from .uploads import Progress, Uploading, UploadSummary, put

DEVICE_COOKIE = "labelyard_device"
"""With `__Host-` before it where the server is reached by https."""


def _nothing(done: int, total: int) -> None:
    """The progress of somebody who does not want to know."""


def _take(asset: Asset) -> None:
    """Of somebody who is content with the count of what is stored."""


def _no_matter(why: ApiError | Unreachable) -> None:
    """The trouble of somebody who waits anyway."""


class Labelyard:
    """A server at `url`, as the user whose personal access token is given.

    Answers are the API's JSON (see `types`). Any method raises `ApiError` when the server refuses,
    `Unreachable` when it does not answer, and those that move files `TransferError`. A request is sent again
    when the connection breaks or the answer is 429, 502, 503 or 504, at most four times, unless the server asks for
    more than ten seconds of patience. May be used from several threads.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        self.transport = Transport(url, token, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    # --- HTTP ---------------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Any:
        """GET a path below /api/v1; its JSON."""
        return self.transport.request("GET", path, params=params).json()

    def post(self, path: str, body: Any = None) -> Any:
        """POST JSON to a path below /api/v1; the answer's JSON, if any."""
        response = self.transport.request("POST", path, json=body)
        return response.json() if response.content else None

    def delete(self, path: str) -> None:
        """DELETE a path below /api/v1."""
        self.transport.request("DELETE", path)

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, limit=200, **params)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    # --- Who am I? ----------------------------------------------------------------------------------

    def login(self, email: str, password: str, device: str | None = None) -> dict[str, Any]:
        """Begin a session, for as long as this object lives; a token serves programs better. Who I am then.

        `device` is what `self.device` was after an earlier sign-in: with it, nobody else's wrong passwords hold
        this one up.
        """
        body = {"email": email, "password": password}
        headers = {"Cookie": f"{self._device_cookie}={device}"} if device else None
        session: dict[str, Any] = self.transport.request("POST", "/auth/login", json=body, headers=headers).json()
        self.transport.http.headers["X-CSRF-Token"] = session["csrf_token"]
        return session

    @property
    def device(self) -> str | None:
        """What to show at the next sign-in from this device; changes with every one. A secret."""
        return self.transport.http.cookies.get(self._device_cookie)

    @property
    def _device_cookie(self) -> str:
        return f"__Host-{DEVICE_COOKIE}" if self.transport.http.base_url.scheme == "https" else DEVICE_COOKIE

    def logout(self) -> None:
        """End the session that `login` began."""
        self.post("/auth/logout")

    def me(self) -> dict[str, Any]:
        """Who is signed in."""
        answer: dict[str, Any] = self.get("/me")
        return answer

    def change_password(self, current: str, new: str, *, end_other_sessions: bool = False) -> None:
        """Change my password; sign me out everywhere else, if so asked."""
        body = {"current_password": current, "new_password": new, "end_other_sessions": end_other_sessions}
        self.post("/me/password", body)

    def sessions(self) -> Iterator[Session]:
        """Where I am signed in, newest first."""
        return self.pages("/me/sessions")

    def revoke_session(self, session_id: str) -> None:
        """Sign me out there."""
        self.delete(f"/me/sessions/{session_id}")

    def create_token(
        self,
        name: str,
        expires_at: str | None = None,
        *,
        scope: TokenScope | None = None,
        project_id: str | None = None,
    ) -> Token:
        """Make a personal access token; its `secret` is told only now. It may do all that I may, unless limited."""
        body = {"name": name, "expires_at": expires_at, "scope": scope, "project_id": project_id}
        for _ in range(ATTEMPTS):
            token: Token = self.post("/me/tokens", _given(body))
            if token.get("secret"):
                return token
            self.revoke_token(token["id"])  # the answer with its secret was lost on the way: it serves nobody
        raise Unreachable(self.transport.url, "what it answers is lost on the way")

    def tokens(self) -> Iterator[Token]:
        """My tokens, without their secrets."""
        return self.pages("/me/tokens")

    def revoke_token(self, token_id: str) -> None:
        """End a token of mine."""
        self.delete(f"/me/tokens/{token_id}")

    # --- Projects -----------------------------------------------------------------------------------

    def projects(self, name: str | None = None, *, deleted: bool = False) -> Iterator[ProjectEntry]:
        """Projects that I may see; with `name` those of exactly that name; the deleted ones instead, for owners."""
        return self.pages("/projects", name=name, deleted="true" if deleted else None)

    def project(self, project_id: str) -> Project:
        """A project by id."""
        project: Project = self.get(f"/projects/{project_id}")
        return project

    def find_project(self, name_or_id: str) -> Project | None:
        """A project by name, else by id; None if there is none that I may see."""
        try:
            for project in self.projects(name=name_or_id):
                if project["name"] == name_or_id:
                    return project
        except ApiError as error:
            if error.code != "forbidden":  # a token for one project lists none, but finds that one by its id
                raise
        try:
            return self.project(str(UUID(name_or_id)))
        except ValueError:
            return None
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create_project(
        self,
        name: str,
        classes: Sequence[ObjectClassDraft] = (),
        *,
        description: str = "",
        visibility: str = "private",
    ) -> Project:
        """Make a project that labels images."""
        project: Project = self.post(
            "/projects",
            {
                "name": name,
                "description": description,
                "data_type": "image",
                "visibility": visibility,
                "specification": {"object_classes": list(classes)},
            },
        )
        return project

    def change_project(self, project_id: str, version: int, **changes: Any) -> Project:
        """Change name, description, visibility or specification; refused (412) if `version` is stale."""
        path = f"/projects/{project_id}"
        response = self.transport.request("PATCH", path, json=changes, headers=_if_match(version))
        project: Project = response.json()
        return project

    def visibility(self, project_id: str) -> Exposure:
        """What visitors see of a project once it is public."""
        exposure: Exposure = self.get(f"/projects/{project_id}/visibility")
        return exposure

    def publish(self, project_id: str, confirmation: str) -> Project:
        """Make a project public; `confirmation` of what `visibility` said, refused (412) if that has changed since."""
        return self._set_visibility(project_id, {"visibility": "public", "confirmation": confirmation})

    def unpublish(self, project_id: str) -> Project:
        """Make a project private: visitors see nothing of it any more."""
        return self._set_visibility(project_id, {"visibility": "private"})

    def quota(self, project_id: str, kind: QuotaKind) -> Quota:
        """How many exports a project keeps, or bytes of labeled images it has, and may; for managers."""
        quota: Quota = self.get(f"/projects/{project_id}/quotas/{kind}")
        return quota

    def set_quota(self, project_id: str, kind: QuotaKind, limit: int | None) -> Quota:
        """Limit that; None: as the installation does. For owners and admins."""
        path = f"/projects/{project_id}/quotas/{kind}"
        quota: Quota = self.transport.request("PUT", path, json={"limit": limit}).json()
        return quota

    def _set_visibility(self, project_id: str, change: dict[str, str]) -> Project:
        project: Project = self.transport.request("PATCH", f"/projects/{project_id}", json=change).json()
        return project

    def delete_project(self, project_id: str) -> None:
        """Hide a project from everybody, until it is restored."""
        self.delete(f"/projects/{project_id}")

    def restore_project(self, project_id: str) -> Project:
        """Bring a deleted project back; refused (409) where another one has its name now."""
        project: Project = self.post(f"/projects/{project_id}:restore")
        return project

    def members(self, project_id: str, search: str | None = None, role: str | None = None) -> Iterator[Member]:
        """A project's members; `search` is any part of a name or mail address."""
        return self.pages(f"/projects/{project_id}/members", search=search, role=role)

    def add_member(
        self,
        project_id: str,
        email: str,
        role: ProjectRole,
        *,
        name: str | None = None,
        password: str | None = None,
    ) -> Member:
        """Give a user a role; with `name` and `password` a user who does not exist is made."""
        body = {"email": email, "role": role, "name": name, "password": password}
        member: Member = self.post(f"/projects/{project_id}/members", _given(body))
        return member

    def change_member(self, project_id: str, user_id: str, role: ProjectRole) -> Member:
        """Give a member another role."""
        path = f"/projects/{project_id}/members/{user_id}"
        member: Member = self.transport.request("PATCH", path, json={"role": role}).json()
        return member

    def remove_member(self, project_id: str, user_id: str) -> None:
        """End a membership. What waits for the user waits for anybody then."""
        self.delete(f"/projects/{project_id}/members/{user_id}")

    # --- Team and invitations -----------------------------------------------------------------------

    def users(
        self, search: str | None = None, team_role: TeamRole | None = None, state: str | None = None
    ) -> Iterator[User]:
        """The team's users; `search` is any part of a name or mail address."""
        return self.pages("/users", search=search, team_role=team_role, state=state)

    def change_user(self, user_id: str, team_role: TeamRole) -> User:
        """Give a user another role in the team."""
        user: User = self.transport.request("PATCH", f"/users/{user_id}", json={"team_role": team_role}).json()
        return user

    def deactivate_user(self, user_id: str) -> User:
        """Keep a user from signing in."""
        user: User = self.post(f"/users/{user_id}:deactivate")
        return user

    def reactivate_user(self, user_id: str) -> User:
        """Let a user sign in again."""
        user: User = self.post(f"/users/{user_id}:reactivate")
        return user

    def invitations(self, project_id: str | None = None, state: InvitationState | None = None) -> Iterator[Invitation]:
        """A project's invitations, or the team's, newest first."""
        return self.pages(_invitations(project_id), state=state)

    def invite(self, email: str, role: str, project_id: str | None = None, days: int | None = None) -> Invitation:
        """Invite whoever has a mail address, to a project or to the team."""
        made: Invitation = self.post(_invitations(project_id), _given({"email": email, "role": role, "days": days}))
        return made

    def resend_invitation(self, invitation: Invitation) -> Invitation:
        """Send an invitation with a new link."""
        sent: Invitation = self.post(f"{_invitations(invitation['project_id'])}/{invitation['id']}:resend")
        return sent

    def revoke_invitation(self, invitation: Invitation) -> Invitation:
        """Nobody can accept the invitation any more."""
        revoked: Invitation = self.post(f"{_invitations(invitation['project_id'])}/{invitation['id']}:revoke")
        return revoked

    def accept_invitation(self, link: str, name: str | None = None, password: str | None = None) -> dict[str, Any]:
        """Accept an invitation with the account that is signed in, or, with `name` and `password`, with a new one."""
        token = link.rpartition("#")[2]
        if name is None:
            accepted: dict[str, Any] = self.post("/me/invitations:accept", {"token": token})
        else:
            accepted = self.post("/invitations:accept", {"token": token, "name": name, "password": password})
        return accepted

    # --- The overview -------------------------------------------------------------------------------

    def overview(self, project_id: str, tz: str = "UTC") -> Overview:
        """The Projects Overview as I may see it; `tz` names the time zone that "today" is meant in."""
        overview: Overview = self.get(f"/projects/{project_id}/overview", tz=tz)
        return overview

    def live(
        self,
        project_id: str,
        *,
        patience: float = 60.0,
        waiting: Callable[[ApiError | Unreachable], None] = _no_matter,
    ) -> Iterator[LiveMessage]:
        """The cards that move, now and at every change; reconnects for ever once the first message has come.

        Until then, `patience`: how many seconds a server may go on refusing that has no stream left. `waiting` is told
        why there is no stream at the moment, once each time that there is none.
        """
        return live.follow(self.transport, project_id, patience, waiting)

    # --- Guidelines ---------------------------------------------------------------------------------

    def guidelines(self, project_id: str) -> Iterator[Guideline]:
        """A project's guidelines, newest first."""
        return self.pages(f"/projects/{project_id}/guidelines")

    def upload_guideline(self, project_id: str, path: Path, name: str | None = None) -> Guideline:
        """Upload a PDF, which the server reads before it counts."""
        body = {"name": name or path.name, "size": path.stat().st_size}
        made = self.post(f"/projects/{project_id}/guidelines", body)
        put(self.transport.storage, made["upload"], path)
        guideline: Guideline = self.post(f"/projects/{project_id}/guidelines/{made['guideline']['id']}:complete")
        return guideline

    def download_guideline(self, guideline: Guideline, target: Path, progress: Progress = _nothing) -> None:
        """Download a guideline; `target` appears only whole, with the right size and sha256."""
        path = f"/projects/{guideline['project_id']}/guidelines/{guideline['id']}/content"
        size, sha256 = guideline["size"], guideline.get("sha256")
        fetch(self.transport.storage, self._signed(path), target, size=size, sha256=sha256, progress=progress)

    def delete_guideline(self, project_id: str, guideline_id: str) -> None:
        """Delete a guideline and its file."""
        self.delete(f"/projects/{project_id}/guidelines/{guideline_id}")

    # --- The data library ---------------------------------------------------------------------------

    def datasets(self) -> Iterator[Dataset]:
        """All datasets."""
        return self.pages("/datasets")

    def assets(self, dataset: str, state: str | None = None) -> Iterator[Asset]:
        """A dataset's assets, by data key."""
        return self.pages(f"/datasets/{_segment(dataset)}/assets", state=state)

    def register_assets(self, dataset: str, items: Sequence[AssetDraft]) -> list[RegisteredAsset]:
        """Say which assets will be uploaded, at most 1,000; answers in the order asked. Makes the dataset."""
        answer = self.post(f"/datasets/{_segment(dataset)}/assets", {"items": list(items)})
        registered: list[RegisteredAsset] = answer["items"]
        return registered

    def complete_assets(self, dataset: str, ids: Sequence[str], wait: int = 10) -> list[Asset]:
        """Say that these uploads have ended; the assets after at most `wait` (0 to 20) seconds."""
        answer = self.post(f"/datasets/{_segment(dataset)}/assets:complete", {"ids": list(ids), "wait": wait})
        assets: list[Asset] = answer["items"]
        return assets

    def upload_assets(
        self,
        dataset: str,
        paths: Mapping[str, Path],
        *,
        progress: Progress = _nothing,
        stored: Callable[[Asset], None] = _take,
        patience: float = 120.0,
    ) -> UploadSummary:
        """Upload files by data key, eight at a time, and wait until the server has verified them.

        What is stored already is not sent again. A file that fails does not stop the others: the summary
        names it and says why. `stored` is told each asset, in any order, as soon as the server has verified it.
        `patience`: how many seconds the server may go without verifying any.
        """
        return Uploading(self, dataset, paths, progress, stored).run(patience)

    # --- Labels -------------------------------------------------------------------------------------

    def add_labels(
        self,
        project_id: str,
        *,
        assets: Sequence[str] | None = None,
        dataset: str | None = None,
        data_keys: Sequence[str] | None = None,
    ) -> LabelsAdded:
        """Make labels of stored assets: of these ids, or of a dataset (all of it, or these data keys)."""
        body = _given({"assets": assets, "dataset": dataset, "data_keys": data_keys})
        added: LabelsAdded = self.post(f"/projects/{project_id}/labels:add", body)
        return added

    def labels(self, project_id: str, **where: Any) -> Iterator[Label]:
        """Labels that I may see, newest first; `where` as in LabelFilter, `saved` (a saved filter's id), and `sort`."""
        return self.pages(f"/projects/{project_id}/labels", **where)

    def search(self, project_id: str, chosen: LabelFilter, sort: str = "-created_at") -> Iterator[Label]:
        """Labels that a filter of any form chooses, sorted (docs/users/labels.md)."""
        path, asked = f"/projects/{project_id}/labels:search", {"filter": chosen, "sort": sort, "limit": 200}
        page = self.post(path, asked)
        while True:
            yield from page["items"]
            if page["next"] is None:
                return
            page = self.post(path, {**asked, "cursor": page["next"]})

    def count_labels(self, project_id: str, chosen: LabelFilter) -> tuple[int, bool]:
        """How many labels a filter chooses, and whether that is all; else there are more."""
        counted = self.post(f"/projects/{project_id}/labels:count", {"filter": chosen})
        return counted["labels"], counted["exact"]

    def group_labels(self, project_id: str, by: Sequence[str], chosen: LabelFilter) -> list[LabelGroup]:
        """The largest 200 groups of the labels that a filter chooses, by one or two fields."""
        asked = {"filter": chosen, "by": list(by), "limit": 200}
        groups: list[LabelGroup] = self.post(f"/projects/{project_id}/labels:group", asked)["items"]
        return groups

    def saved_filters(self, project_id: str, scope: FilterScope | None = None) -> Iterator[SavedFilter]:
        """The project's saved filters and mine, by name; or only those of one kind."""
        return self.pages(f"/projects/{project_id}/filters", scope=scope)

    def find_saved_filter(self, project_id: str, name_or_id: str) -> SavedFilter | None:
        """The saved filter of that name or id; mine before the project's, None if there is none."""
        found = [each for each in self.saved_filters(project_id) if name_or_id in (each["name"], each["id"])]
        return min(found, key=lambda each: each["scope"] == "project", default=None)

    def save_filter(
        self,
        project_id: str,
        name: str,
        chosen: LabelFilter,
        *,
        scope: FilterScope = "own",
        sort: str = "-created_at",
    ) -> SavedFilter:
        """Give a filter a name, for me or, for those who manage data, for the project."""
        body = {"name": name, "scope": scope, "filter": chosen, "sort": sort}
        saved: SavedFilter = self.post(f"/projects/{project_id}/filters", body)
        return saved

    def change_saved_filter(self, saved: SavedFilter, **changes: Any) -> SavedFilter:
        """Change a saved filter's `name`, `filter` or `sort`; refused (412) if somebody else did meanwhile."""
        path = f"/projects/{saved['project_id']}/filters/{saved['id']}"
        response = self.transport.request("PATCH", path, json=changes, headers=_if_match(saved["version"]))
        changed: SavedFilter = response.json()
        return changed

    def delete_saved_filter(self, saved: SavedFilter) -> None:
        """Delete a saved filter."""
        self.delete(f"/projects/{saved['project_id']}/filters/{saved['id']}")

    def label(self, project_id: str, label_id: str) -> LabelWithBody:
        """One label with its body."""
        label: LabelWithBody = self.get(f"/projects/{project_id}/labels/{label_id}")
        return label

    def save_body(self, project_id: str, label_id: str, version: int, body: Body) -> Label:
        """Replace a label's body; refused (412) if `version` is stale."""
        path = f"/projects/{project_id}/labels/{label_id}/body"
        response = self.transport.request("PUT", path, json=body, headers=_if_match(version))
        label: Label = response.json()
        return label

    def act(self, project_id: str, label_id: str, action: Action, comment: str | None = None) -> Label:
        """One action of a label's life; to reject needs a `comment`."""
        label: Label = self.post(f"/projects/{project_id}/labels/{label_id}:{action}", _given({"comment": comment}))
        return label

    def assign(self, project_id: str, label_id: str, user_id: str, as_: Duty = "labeler") -> Label:
        """Give a label to a labeler or a reviewer."""
        label: Label = self.post(f"/projects/{project_id}/labels/{label_id}:assign", {"user_id": user_id, "as": as_})
        return label

    def unassign(self, project_id: str, label_id: str, as_: Duty = "labeler") -> Label:
        """Take a label from its labeler or reviewer."""
        label: Label = self.post(f"/projects/{project_id}/labels/{label_id}:unassign", {"as": as_})
        return label

    def take_next(self, project_id: str) -> Label:
        """Take the next label that nobody has; refused (404) when there is none."""
        label: Label = self.post(f"/projects/{project_id}/labels:next")
        return label

    def take_review(self, project_id: str, after: str | None = None) -> Label:
        """Take the next label that waits for your review; refused (404) when there is none."""
        label: Label = self.post(
            f"/projects/{project_id}/labels:next-review", {} if after is None else {"after": after}
        )
        return label

    # --- Many labels --------------------------------------------------------------------------------

    def bulk(self, project_id: str, selection: Selection, action: str, **more: Any) -> Task:
        """Start an action over a selection; `more`: users, distribution, tags, comment, as the action takes them."""
        body = {"selection": selection, "action": action, **more}
        task: Task = self.post(f"/projects/{project_id}/labels:bulk", body)
        return task

    def preview(self, project_id: str, selection: Selection, action: str, **more: Any) -> dict[str, Any]:
        """What `bulk` would meet, and who would be given how many."""
        body = {"selection": selection, "action": action, **more}
        found: dict[str, Any] = self.post(f"/projects/{project_id}/labels:preview", body)
        return found

    def task(self, project_id: str, task_id: str) -> Task:
        """How far a task is."""
        task: Task = self.get(f"/projects/{project_id}/tasks/{task_id}")
        return task

    def skipped(self, project_id: str, task_id: str) -> Iterator[dict[str, Any]]:
        """What a task left as it was, and why."""
        return self.pages(f"/projects/{project_id}/tasks/{task_id}/skipped")

    def cancel_task(self, project_id: str, task_id: str) -> None:
        """End a task before its next part."""
        self.delete(f"/projects/{project_id}/tasks/{task_id}")

    def tags(self, project_id: str) -> Iterator[Tag]:
        """A project's tags, and how many labels carry each."""
        return self.pages(f"/projects/{project_id}/tags")

    def create_tag(self, project_id: str, name: str) -> Tag:
        """Make a tag."""
        tag: Tag = self.post(f"/projects/{project_id}/tags", {"name": name})
        return tag

    def history(self, project_id: str, label_id: str) -> Iterator[dict[str, Any]]:
        """What was done to a label, newest first."""
        return self.pages(f"/projects/{project_id}/labels/{label_id}/history")

    # --- Imports ------------------------------------------------------------------------------------

    def upload_annotations(self, project_id: str, path: Path) -> str:
        """Upload an annotation file for `start_import`; what comes out is its `upload`."""
        body = {"filename": path.name, "size": path.stat().st_size}
        upload: Upload = self.post(f"/projects/{project_id}/uploads", body)
        put(self.transport.storage, upload["policy"], path)
        return upload["upload"]

    def start_import(
        self,
        project_id: str,
        upload: str,
        format: ImportFormat,
        dataset: str,
        *,
        status: Status = "in_progress",
        on_error: OnError = "keep_good",
        create_classes: bool = True,
    ) -> Import:
        """Import annotations for the assets of a dataset; labels are made where missing."""
        started: Import = self.post(
            f"/projects/{project_id}/imports",
            {
                "upload": upload,
                "format": format,
                "dataset": dataset,
                "status": status,
                "on_error": on_error,
                "create_classes": create_classes,
            },
        )
        return started

    def import_(self, project_id: str, import_id: str) -> Import:
        """An import, with its report so far."""
        found: Import = self.get(f"/projects/{project_id}/imports/{import_id}")
        return found

    def await_import(self, running: Import, progress: Progress = _nothing) -> Import:
        """Wait until an import has ended."""
        while running["state"] in ("queued", "running"):
            progress(running["done"], running.get("total") or 0)
            time.sleep(0.3)
            running = self.import_(running["project_id"], running["id"])
        progress(running["done"], running.get("total") or running["done"])
        return running

    # --- Versions -----------------------------------------------------------------------------------

    def create_version(
        self, project_id: str, name: str, selection: Selection | None = None, *, note: str = ""
    ) -> Version:
        """Have labels frozen as they are now; without a selection all of them."""
        body = _given({"name": name, "note": note, "selection": selection})
        made: Version = self.post(f"/projects/{project_id}/versions", body)
        return made

    def versions(self, project_id: str) -> Iterator[Version]:
        """A project's versions, newest first."""
        return self.pages(f"/projects/{project_id}/versions")

    def version(self, project_id: str, version_id: str) -> Version:
        """One version."""
        found: Version = self.get(f"/projects/{project_id}/versions/{version_id}")
        return found

    def await_version(self, version: Version, progress: Progress = _nothing) -> Version:
        """Wait until a version stands, or has failed."""
        while version["state"] in ("queued", "running"):
            progress(version["done"], version.get("total") or 0)
            time.sleep(0.3)
            version = self.version(version["project_id"], version["id"])
        return version

    def change_version(self, version: Version, *, name: str | None = None, note: str | None = None) -> Version:
        """Give a version another name or note."""
        path = f"/projects/{version['project_id']}/versions/{version['id']}"
        changed: Version = self.transport.request("PATCH", path, json=_given({"name": name, "note": note})).json()
        return changed

    def delete_version(self, version: Version) -> None:
        """Delete a version and what was frozen for it."""
        self.delete(f"/projects/{version['project_id']}/versions/{version['id']}")

    def compare_versions(self, before: Version, after: Version) -> Comparison:
        """Find out what differs in `after` from `before`, or what was found when they were compared before."""
        body = {"before": before["id"], "after": after["id"]}
        comparison: Comparison = self.post(f"/projects/{before['project_id']}/comparisons", body)
        return comparison

    def await_comparison(self, comparison: Comparison, progress: Progress = _nothing) -> Comparison:
        """Wait until two versions are compared."""
        while comparison["state"] in ("queued", "running"):
            progress(comparison["done"], comparison["total"])
            time.sleep(0.3)
            comparison = self.get(f"/projects/{comparison['project_id']}/comparisons/{comparison['id']}")
        return comparison

    def differences(self, comparison: Comparison, change: LabelChange | None = None) -> Iterator[DifferingLabel]:
        """The labels that differ, by their ids."""
        return self.pages(f"/projects/{comparison['project_id']}/comparisons/{comparison['id']}/labels", change=change)

    # --- Exports ------------------------------------------------------------------------------------

    def create_export(
        self,
        project_id: str,
        *,
        name: str | None = None,
        where: LabelFilter | None = None,
        version: Version | None = None,
        form: ExportFormat = "native",
        options: Mapping[str, Any] | None = None,
    ) -> Export:
        """Ask for an export of the labels that `where` selects, or of a version; `options` as in the API's
        ExportOptions."""
        version_id = None if version is None else version["id"]
        body = _given({"name": name, "format": form, "filter": where, "version_id": version_id, "options": options})
        export: Export = self.post(f"/projects/{project_id}/exports", body)
        return export

    def exports(self, project_id: str) -> Iterator[Export]:
        """A project's exports, newest first."""
        return self.pages(f"/projects/{project_id}/exports")

    def export(self, project_id: str, export_id: str) -> Export:
        """One export."""
        export: Export = self.get(f"/projects/{project_id}/exports/{export_id}")
        return export

    def await_export(self, export: Export) -> Export:
        """Wait until an export has ended."""
        while export["state"] in ("queued", "running"):
            time.sleep(0.3)
            export = self.export(export["project_id"], export["id"])
        return export

    def download_export(self, export: Export, target: Path, progress: Progress = _nothing) -> None:
        """Download an export that is done; `target` appears only whole, with the right size and sha256."""
        path = f"/projects/{export['project_id']}/exports/{export['id']}/download"
        fetch(
            self.transport.storage,
            self._signed(path),
            target,
            size=export.get("size"),
            sha256=export.get("sha256"),
            crc32=export.get("crc32"),
            progress=progress,
        )

    def cancel_export(self, export: Export) -> Export:
        """Stop an export that is under way."""
        canceled: Export = self.post(f"/projects/{export['project_id']}/exports/{export['id']}:cancel")
        return canceled

    def repeat_export(self, export: Export) -> Export:
        """Ask for another export as this one was asked for."""
        again: Export = self.post(f"/projects/{export['project_id']}/exports/{export['id']}:again")
        return again

    def share_export(
        self, export: Export, *, expires_at: str | None = None, max_downloads: int | None = None
    ) -> ShareLink:
        """Make an address by which anyone may download an export, in place of the one that stands."""
        body = {"expires_at": expires_at, "max_downloads": max_downloads}
        link: ShareLink = self.post(f"/projects/{export['project_id']}/exports/{export['id']}/link", body)
        return link

    def unshare_export(self, export: Export) -> None:
        """Revoke an export's share link."""
        self.delete(f"/projects/{export['project_id']}/exports/{export['id']}/link")

    # --- Raw data -----------------------------------------------------------------------------------

    def archive(self, project_id: str) -> Archive:
        """A project's raw-data archive, and what has changed since it was built."""
        archive: Archive = self.get(f"/projects/{project_id}/raw-data")
        return archive

    def update_archive(self, project_id: str) -> Archive:
        """Have the archive built, or brought up to date."""
        archive: Archive = self.post(f"/projects/{project_id}/raw-data:update")
        return archive

    def await_archive(self, project_id: str, progress: Progress = _nothing) -> Archive:
        """Wait until no build of the archive is under way; `progress` is told the bytes that stand, and are to."""
        while (build := (archive := self.archive(project_id)).get("build")) and build["state"] in ("queued", "running"):
            progress(build["done"], build.get("total") or 0)
            time.sleep(0.3)
        return archive

    def cancel_archive(self, project_id: str) -> Archive:
        """Stop the build that is under way; the archive that stands stays."""
        archive: Archive = self.post(f"/projects/{project_id}/raw-data:cancel")
        return archive

    def download_archive(self, project_id: str, target: Path, progress: Progress = _nothing) -> None:
        """Download the archive that stands; `target` appears only whole, with the right size."""
        size = (self.archive(project_id).get("report") or {}).get("size")
        signed = self._signed(f"/projects/{project_id}/raw-data/download")
        fetch(self.transport.storage, signed, target, size=size, sha256=None, progress=progress)

    def delete_archive(self, project_id: str) -> None:
        """Delete the archive, and stop its build."""
        self.delete(f"/projects/{project_id}/raw-data")

    def share_archive(
        self, project_id: str, *, expires_at: str | None = None, max_downloads: int | None = None
    ) -> ShareLink:
        """Make an address by which anyone may download the archive, in place of the one that stands."""
        body = {"expires_at": expires_at, "max_downloads": max_downloads}
        link: ShareLink = self.post(f"/projects/{project_id}/raw-data/link", body)
        return link

    def unshare_archive(self, project_id: str) -> None:
        """Revoke the archive's share link."""
        self.delete(f"/projects/{project_id}/raw-data/link")

    # --- Looking after the installation -------------------------------------------------------------

    def start_counter_check(self, kind: CheckKind, project_id: str | None = None) -> CounterCheck:
        """Verify or rebuild the counters of a project, or (None) of all; for owners and admins."""
        body = {"all": True} if project_id is None else {"project": project_id}
        started: CounterCheck = self.post(f"/admin/counters:{kind}", body)
        return started

    def counter_check(self, check_id: str) -> CounterCheck:
        """A verification or rebuild, with its report so far."""
        check: CounterCheck = self.get(f"/admin/counters/checks/{check_id}")
        return check

    def counter_checks(self) -> Iterator[CounterCheck]:
        """Verifications and rebuilds, newest first."""
        return self.pages("/admin/counters/checks")

    def await_counter_check(self, running: CounterCheck, progress: Progress = _nothing) -> CounterCheck:
        """Wait until a verification or rebuild has ended; its progress is in labels, and nobody knows of how many."""
        while running["state"] in ("queued", "running"):
            progress(running["report"]["labels"], 0)
            time.sleep(0.3)
            running = self.counter_check(running["id"])
        return running

    def _signed(self, path: str) -> Callable[[], str]:
        """Asks for the address in the object store that `path` leads to."""
        return lambda: self.transport.request("GET", path).headers["location"]

    # --- For those who operate the installation -------------------------------------------------------

    def failed(
        self,
        *,
        service: str | None = None,
        queue: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        away: Callable[[str], None] = lambda _: None,
    ) -> Iterator[FailedMessage]:
        """Messages that handlers failed at; `kind` is the type of the event. `away` is told each service that did not
        answer and is left out."""
        cursor: str | None = None
        where = {"service": service, "queue": queue, "type": kind, "state": state}
        while True:
            page = self.get("/admin/failed", cursor=cursor, limit=200, **where)
            for each in page["unavailable"]:
                away(each)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def failed_message(self, service: str, message_id: str) -> FailedMessageBody:
        """One failed message, with its body."""
        found: FailedMessageBody = self.get(_failed(service, message_id))
        return found

    def find_failed(self, message_id: str) -> FailedMessage | None:
        """A failed message of whichever service; None if none has it."""
        return next((each for each in self.failed() if each["id"] == message_id), None)

    def replay_failed(self, service: str, message_id: str) -> int:
        """Have a failed message tried again now; how many those are."""
        return int(self.post(_failed(service, message_id) + ":replay")["count"])

    def drop_failed(self, service: str, message_id: str) -> int:
        """Forget a failed message; how many those are."""
        return int(self.post(_failed(service, message_id) + ":drop")["count"])

    def replay_failed_queue(self, queue: str, *, kind: str | None = None, state: str | None = None) -> int:
        """Have the failed messages of a queue tried again now; how many those are."""
        return int(self.post("/admin/failed:replay", _given({"queue": queue, "type": kind, "state": state}))["count"])

    def drop_failed_queue(self, queue: str, *, kind: str | None = None, state: str | None = None) -> int:
        """Forget the failed messages of a queue; how many those were."""
        return int(self.post("/admin/failed:drop", _given({"queue": queue, "type": kind, "state": state}))["count"])

    def audit(self, *, away: Callable[[str], None] = lambda _: None, **which: str | None) -> Iterator[AuditEntry]:
        """Changes, newest first: `which` by service, project_id, user_id, token_id, action, outcome, subject,
        subject_id, address, correlation_id, since, until. `away` is told each service that did not answer and is left
        out."""
        cursor: str | None = None
        while True:
            page = self.get("/admin/audit", cursor=cursor, limit=200, **which)
            for each in page["unavailable"]:
                away(each)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def export_audit(self, *, as_csv: bool = False, **which: str | None) -> Iterator[str]:
        """The same in one answer, line by line: JSON, or CSV. Raises TransferError if it breaks off."""
        path = "/admin/audit/export.csv" if as_csv else "/admin/audit/export"
        return self.transport.lines(path, _given(which))


def _invitations(project_id: str | None) -> str:
    return "/invitations" if project_id is None else f"/projects/{project_id}/invitations"


def _failed(service: str, message_id: str) -> str:
    return f"/admin/failed/{_segment(service)}/{_segment(message_id)}"


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _if_match(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}


def _segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
