"""The kept OpenAPI document is what the routes say, and valid."""

from gateway import openapi
from tests.documented import document


def test_the_kept_document_is_current_and_valid() -> None:
    openapi.main(["--check"])


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    operations = [each for methods in document()["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations]
    assert len(names) == len(set(names))
    assert all(each["summary"] for each in operations)
