"""The projects service as others see it: a running process, asked through the broker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.rpc.client import RpcClient
from contracts.body import ObjectClassDraft, SpecificationDraft
from contracts.enums import AnnotationType, Visibility
from contracts.errors import Problem
from contracts.rpc.projects import (
    AddObjectClasses,
    ChangeProject,
    CreateGuideline,
    CreateProject,
    GetProject,
    GetProjectCards,
    ListProjects,
)
from deploy.local.system import System
from tests.service.signing import SigningClient

DEADLINE = 20
ACTOR = uuid4()
RBC = ObjectClassDraft(name="RBC", annotation_type=AnnotationType.BOX)


@pytest.fixture(scope="module")
def projects(servers: System, settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    """A client of a running projects service."""
    servers.start("projects")
    client = SigningClient()
    yield client
    client.close()
    servers.stop("projects")


def test_every_method(projects: RpcClient) -> None:
    made = projects.call(CreateProject(name=f"project {uuid4().hex}", actor=ACTOR), DEADLINE)
    assert projects.call(GetProject(project_id=made.id), DEADLINE) == made
    add = AddObjectClasses(project_id=made.id, object_classes=(RBC,), actor=ACTOR)
    with_class = projects.call(add, DEADLINE)
    (rbc,) = with_class.specification.object_classes
    renamed = RBC.model_copy(update={"id": rbc.id, "name": "red blood cell"})
    change = ChangeProject(
        project_id=made.id,
        expected_version=with_class.version,
        visibility=Visibility.PUBLIC,
        confirmed=True,
        specification=SpecificationDraft(object_classes=[renamed]),
        actor=ACTOR,
    )
    changed = projects.call(change, DEADLINE)
    assert changed.specification.object_classes == (rbc.model_copy(update={"name": "red blood cell"}),)
    assert projects.call(GetProjectCards(project_id=made.id), DEADLINE).project == changed
    assert projects.call(ListProjects(name=made.name), DEADLINE).items == (changed,)
    with pytest.raises(Problem) as caught:
        projects.call(change, DEADLINE)
    assert (caught.value.code, caught.value.extra) == ("stale_version", {"expected_version": 2, "version": 3})


def test_refusals_have_their_codes(projects: RpcClient) -> None:
    made = projects.call(CreateProject(name=f"project {uuid4().hex}", actor=ACTOR), DEADLINE)
    for request, code in (
        (GetProject(project_id=uuid4()), "not_found"),
        (CreateProject(name=made.name, actor=ACTOR), "name_taken"),
        (CreateProject(name=f"{uuid4().hex}\0", actor=ACTOR), "validation_failed"),
        (ChangeProject(project_id=made.id, specification=SpecificationDraft(), actor=ACTOR), "version_required"),
    ):
        with pytest.raises(Problem) as caught:
            projects.call(request, DEADLINE)
        assert caught.value.code == code


def test_a_project_under_one_key_is_made_once(projects: RpcClient) -> None:
    key = uuid4().hex
    command = CreateProject(name=f"project {key}", actor=ACTOR, idempotency_key=key)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: projects.call(command, DEADLINE), range(20)))
    assert len({answer.id for answer in answers}) == 1
    with pytest.raises(Problem, match="idempotency_mismatch"):
        projects.call(command.model_copy(update={"description": "another"}), DEADLINE)


def test_a_guideline_that_is_asked_for_again_has_a_policy_that_holds(projects: RpcClient) -> None:
    made = projects.call(CreateProject(name=f"project {uuid4().hex}", actor=ACTOR), DEADLINE)
    command = CreateGuideline(project_id=made.id, name="a.pdf", size=5, actor=ACTOR, idempotency_key=uuid4().hex)
    first = projects.call(command, DEADLINE)
    again = projects.call(command, DEADLINE)
    assert again.guideline == first.guideline
    assert again.upload.expires_at > first.upload.expires_at
    assert again.upload.fields["key"] == first.upload.fields["key"]
