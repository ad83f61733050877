"""A project's specification and a label's body.

Field names follow the Suite's export, schema 0.4 snake_case (`project.json`, `labels/{label_id}.json`).
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from contracts.enums import AnnotationType, CategoryType
from contracts.message import Message, Strict

NAME_MAX = 200
"""Characters of a name."""

OBJECTS_MAX = 10_000
"""Objects of one body."""

CLASSES_MAX = 1000
"""Object classes of a project."""

CLASSES_EVER_MAX = 10_000
"""Object classes of a project, removed ones included: they keep their numbers."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]


class ObjectClass(Message):
    """A class of objects. `id` is given once and never changes or moves to another class, and neither does `index`,
    the class's number in formats that have numbers: from 0, in the order that the project's classes were made.
    """

    id: UUID
    name: Name
    annotation_type: AnnotationType
    color: Color
    index: int = Field(default=-1, ge=-1)  # -1 only where it was written before there were any, see Specification


class CategoryOption(Message):
    """One answer of an image category."""

    id: UUID
    name: Name


class ImageCategory(Message):
    """A classification question about a whole image. `required` is for people's eyes: a label is submitted without an
    answer, too.
    """

    id: UUID
    name: Name
    type: CategoryType
    options: tuple[CategoryOption, ...] = ()
    required: bool = False


class Specification(Message):
    """What is labeled in a project. `removed_object_classes` are not any more; their indexes are not given again."""

    object_classes: tuple[ObjectClass, ...] = ()
    image_categories: tuple[ImageCategory, ...] = ()
    removed_object_classes: tuple[ObjectClass, ...] = ()

    @field_validator("object_classes")
    @classmethod
    def _numbered(cls, classes: tuple[ObjectClass, ...]) -> tuple[ObjectClass, ...]:
        """A specification from before there were indexes gets them here, the same wherever it is read: by the ids,
        which are UUIDv7, in the order that the classes were made.
        """
        if all(each.index >= 0 for each in classes):
            return classes
        order = {each.id: index for index, each in enumerate(sorted(classes, key=lambda each: each.id))}
        return tuple(each.model_copy(update={"index": order[each.id]}) for each in classes)

    @property
    def next_index(self) -> int:
        """The index of the next class that is made."""
        return 1 + max((each.index for each in (*self.object_classes, *self.removed_object_classes)), default=-1)


class Point(Strict):
    """A point in pixels from the image's top left corner."""

    x: float
    y: float


class BoxCoord(Strict):
    """An upright box: its top left corner and extent, pixels."""

    x: float
    y: float
    width: float
    height: float


class RboxCoord(Strict):
    """A turned box: its centre and extent in pixels, its angle in degrees, clockwise."""

    cx: float
    cy: float
    width: float
    height: float
    angle: float


class PolylineCoord(Strict):
    """One or more open lines."""

    points: list[list[Point]]


class PolygonCoord(Strict):
    """One or more polygons, each a list of rings: the outline first, then holes."""

    points: list[list[list[Point]]]


class KeypointState(Strict):
    """Whether a keypoint can be seen."""

    visible: bool = True
    valid: bool = True


class Keypoint(Strict):
    """One named point of a skeleton, pixels."""

    name: str = Field(max_length=200)
    x: float
    y: float
    state: KeypointState = KeypointState()


class KeypointCoord(Strict):
    """The points of a skeleton."""

    points: list[Keypoint]


class Face(Strict):
    """One face of a 2D cuboid by its top left and bottom right corner, pixels."""

    tl: Point
    br: Point


class CuboidCoord(Strict):
    """A cuboid drawn on an image: its nearer and farther face."""

    near: Face
    far: Face


COORDS: dict[AnnotationType, type[Strict]] = {
    AnnotationType.BOX: BoxCoord,
    AnnotationType.RBOX: RboxCoord,
    AnnotationType.POLYLINE: PolylineCoord,
    AnnotationType.POLYGON: PolygonCoord,
    AnnotationType.KEYPOINT: KeypointCoord,
    AnnotationType.CUBOID2D: CuboidCoord,
}
"""The form of an object's `annotation.coord`, by its annotation type."""


class AnnotationMeta(Strict):
    """`z_index`: which object is drawn above which."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    z_index: int = 1


class Annotation(Strict):
    """An object's geometry."""

    coord: dict[str, Any]
    meta: AnnotationMeta = AnnotationMeta()
    multiple: bool = False


class LabeledObject(Strict):
    """One shape in a body. `coord` must have the form of its annotation type (COORDS)."""

    id: UUID
    class_id: UUID
    annotation_type: AnnotationType
    annotation: Annotation
    properties: list[dict[str, Any]] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _coord_fits(self) -> "LabeledObject":
        form = COORDS.get(self.annotation_type)
        if form is None:
            raise ValueError("an image category is not an object: answer it under categories")
        form.model_validate(self.annotation.coord, strict=True)  # text is no number
        return self


class CategoryAnswer(Strict):
    """The answer to one image category: options for the closed kinds, `value` for free response."""

    property_id: UUID
    option_ids: list[UUID] = Field(default=[], max_length=1000)
    value: str | None = Field(default=None, max_length=10_000)


class Categories(Strict):
    """All answers of a body."""

    properties: list[CategoryAnswer] = Field(default=[], max_length=1000)


class Body(Strict):
    """What was annotated on one asset."""

    objects: list[LabeledObject] = Field(default=[], max_length=OBJECTS_MAX)
    categories: Categories = Categories()


class ObjectClassDraft(Strict):
    """An object class as somebody asks for it: without `id`, the one of that name and type if there is one, or new."""

    id: UUID | None = None
    name: Name
    annotation_type: AnnotationType
    color: Color | None = None
    index: int | None = Field(default=None, description="As it was read: the project gives it, and nothing changes it.")


class CategoryOptionDraft(Strict):
    """An answer as somebody asks for it: without `id`, the one of that name if there is one, or new."""

    id: UUID | None = None
    name: Name


class ImageCategoryDraft(Strict):
    """An image category as somebody asks for it: without `id`, the one of that name if there is one, or new."""

    id: UUID | None = None
    name: Name
    type: CategoryType
    options: list[CategoryOptionDraft] = Field(default=[], max_length=1000)
    required: bool = False


class SpecificationDraft(Strict):
    """A specification as somebody asks for it."""

    object_classes: list[ObjectClassDraft] = Field(default=[], max_length=CLASSES_MAX)
    image_categories: list[ImageCategoryDraft] = Field(default=[], max_length=200)
    removed_object_classes: list[dict[str, Any]] = Field(
        default=[], max_length=CLASSES_EVER_MAX, description="As they were read: what is removed stays so."
    )


SCHEMA: Literal["0.4"] = "0.4"
