"""RPC of the labels service."""

from sqlalchemy.orm import Session

from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.rpc.server import Service, rpc
from contracts.rpc import Nothing
from contracts.rpc.labels import (
    ActOnLabel,
    AddLabels,
    AssetPage,
    BulkPreview,
    CancelTask,
    ChangeSavedFilter,
    ChangeVersion,
    CommentOnIssue,
    CompareVersions,
    Comparison,
    CompleteAssets,
    CountImages,
    CountLabels,
    CountObjects,
    CreateDataset,
    CreateSavedFilter,
    CreateTag,
    CreateUpload,
    CreateVersion,
    Dataset,
    DatasetPage,
    DeleteSavedFilter,
    DeleteVersion,
    DifferencePage,
    Editor,
    EndTag,
    GetAssets,
    GetComparison,
    GetHistory,
    GetImport,
    GetLabel,
    GetLabelCards,
    GetLabelStates,
    GetLoads,
    GetProjectHistory,
    GetSavedFilter,
    GetStorageQuota,
    GetTask,
    GetVersion,
    GetVersionManifest,
    GroupLabels,
    HistoryPage,
    Import,
    Issue,
    IssueComment,
    IssueCommentPage,
    IssuePage,
    Label,
    LabelCount,
    LabelGroups,
    LabelPage,
    LabelQuick,
    LabelsAdded,
    LabelStates,
    LabelWithBody,
    Link,
    LinkAsset,
    ListAssets,
    ListDatasets,
    ListDifferences,
    ListIssueComments,
    ListIssues,
    ListLabeledProjects,
    ListLabels,
    ListLabelStates,
    ListSavedFilters,
    ListSkipped,
    ListTags,
    ListTasks,
    ListVersions,
    Loads,
    LockLabel,
    MoveIssue,
    ObjectCounts,
    OpenIssue,
    PreviewTask,
    ProjectHistoryPage,
    ProjectIds,
    Quota,
    RegisterAssets,
    RegisteredAssets,
    RenameTag,
    RestoreBody,
    SaveBody,
    SavedFilter,
    SavedFilterPage,
    SetStorageQuota,
    SkippedPage,
    StartImport,
    StartTask,
    Tag,
    TagPage,
    TakeNext,
    TakeReview,
    Task,
    TaskPage,
    UnlockLabel,
    Upload,
    Version,
    VersionManifest,
    VersionPage,
)
from contracts.snapshots import ImageCounts
from services.labels.handlers import (
    actions,
    comparisons,
    data_library,
    editing,
    imports,
    issues,
    labels,
    saved_filters,
    search,
    states,
    storage,
    tags,
    versions,
)
from services.labels.handlers.bulk import tasks


class Labels(Service):
    """The data library, labels and their life, imports."""

    name = "labels"

    @rpc
    def create_dataset(self, session: Session, request: CreateDataset) -> Dataset:
        return data_library.create_dataset(session, request.name)

    @rpc
    def list_datasets(self, session: Session, request: ListDatasets) -> DatasetPage:
        return data_library.list_datasets(session, request.cursor, request.limit)

    @rpc(
        again=lambda session, request, kept: data_library.registered_again(session, ObjectStore.shared(), request, kept)
    )
    def register_assets(self, session: Session, request: RegisterAssets) -> RegisteredAssets:
        return data_library.register_assets(session, ObjectStore.shared(), request.dataset, request.items)

    @rpc
    def complete_assets(self, session: Session, request: CompleteAssets) -> AssetPage:
        return data_library.complete_assets(session, request.dataset, request.ids)

    @rpc
    def get_assets(self, session: Session, request: GetAssets) -> AssetPage:
        return data_library.get_assets(session, request.ids)

    @rpc
    def list_assets(self, session: Session, request: ListAssets) -> AssetPage:
        return data_library.list_assets(session, request.dataset, request.state, request.cursor, request.limit)

    @rpc
    def link_asset(self, session: Session, request: LinkAsset) -> Link:
        return data_library.link_asset(session, ObjectStore.shared(), request)

    @rpc
    def add_labels(self, session: Session, request: AddLabels) -> LabelsAdded:
        return labels.add_labels(session, RpcClient.shared(), request)

    @rpc
    def list_labels(self, session: Session, request: ListLabels) -> LabelPage:
        return search.list_labels(session, request)

    @rpc
    def count_labels(self, session: Session, request: CountLabels) -> LabelCount:
        return search.count_labels(session, request)

    @rpc
    def group_labels(self, session: Session, request: GroupLabels) -> LabelGroups:
        return search.group_labels(session, request)

    @rpc
    def get_label(self, session: Session, request: GetLabel) -> LabelWithBody:
        return labels.get_label(session, request.project_id, request.label_id, request.viewer)

    @rpc
    def get_history(self, session: Session, request: GetHistory) -> HistoryPage:
        return labels.get_history(session, request)

    @rpc
    def get_label_cards(self, session: Session, request: GetLabelCards) -> LabelQuick:
        return labels.get_cards(session, request.project_id)

    @rpc
    def count_objects(self, session: Session, request: CountObjects) -> ObjectCounts:
        return labels.count_objects(session, request.project_id, request.class_ids)

    @rpc
    def save_body(self, session: Session, request: SaveBody) -> Label:
        return actions.save_body(session, RpcClient.shared(), request)

    @rpc
    def act_on_label(self, session: Session, request: ActOnLabel) -> Label:
        return actions.act(session, RpcClient.shared(), request)

    @rpc
    def take_review(self, session: Session, request: TakeReview) -> Label:
        return actions.take_review(session, RpcClient.shared(), request)

    @rpc
    def restore_body(self, session: Session, request: RestoreBody) -> Label:
        return actions.restore_body(session, RpcClient.shared(), request)

    @rpc
    def lock_label(self, session: Session, request: LockLabel) -> Editor:
        return editing.lock(session, request)

    @rpc
    def unlock_label(self, session: Session, request: UnlockLabel) -> Nothing:
        return editing.unlock(session, request)

    @rpc
    def get_project_history(self, session: Session, request: GetProjectHistory) -> ProjectHistoryPage:
        return labels.get_project_history(session, request)

    @rpc
    def take_next(self, session: Session, request: TakeNext) -> Label:
        return actions.take_next(session, RpcClient.shared(), request)

    @rpc
    def start_task(self, session: Session, request: StartTask) -> Task:
        return tasks.start_task(session, RpcClient.shared(), request)

    @rpc
    def preview_task(self, session: Session, request: PreviewTask) -> BulkPreview:
        return tasks.preview_task(session, request)

    @rpc
    def get_task(self, session: Session, request: GetTask) -> Task:
        return tasks.get_task(session, request.project_id, request.task_id)

    @rpc
    def list_tasks(self, session: Session, request: ListTasks) -> TaskPage:
        return tasks.list_tasks(session, request)

    @rpc
    def list_skipped(self, session: Session, request: ListSkipped) -> SkippedPage:
        return tasks.list_skipped(session, request)

    @rpc
    def cancel_task(self, session: Session, request: CancelTask) -> Task:
        return tasks.cancel_task(session, request)

    @rpc
    def list_tags(self, session: Session, request: ListTags) -> TagPage:
        return tags.list_tags(session, request)

    @rpc
    def create_tag(self, session: Session, request: CreateTag) -> Tag:
        return tags.create_tag(session, RpcClient.shared(), request)

    @rpc
    def rename_tag(self, session: Session, request: RenameTag) -> Tag:
        return tags.rename_tag(session, request)

    @rpc
    def end_tag(self, session: Session, request: EndTag) -> Task:
        return tasks.end_tag(session, request)

    @rpc
    def list_saved_filters(self, session: Session, request: ListSavedFilters) -> SavedFilterPage:
        return saved_filters.list_filters(session, request)

    @rpc
    def get_saved_filter(self, session: Session, request: GetSavedFilter) -> SavedFilter:
        return saved_filters.get_filter(session, request)

    @rpc
    def create_saved_filter(self, session: Session, request: CreateSavedFilter) -> SavedFilter:
        return saved_filters.create_filter(session, RpcClient.shared(), request)

    @rpc
    def change_saved_filter(self, session: Session, request: ChangeSavedFilter) -> SavedFilter:
        return saved_filters.change_filter(session, request)

    @rpc
    def delete_saved_filter(self, session: Session, request: DeleteSavedFilter) -> Nothing:
        saved_filters.delete_filter(session, request)
        return Nothing()

    @rpc
    def create_version(self, session: Session, request: CreateVersion) -> Version:
        return versions.create_version(session, RpcClient.shared(), request)

    @rpc
    def list_versions(self, session: Session, request: ListVersions) -> VersionPage:
        return versions.list_versions(session, request)

    @rpc
    def get_version(self, session: Session, request: GetVersion) -> Version:
        return versions.get_version(session, request.project_id, request.version_id)

    @rpc
    def get_version_manifest(self, session: Session, request: GetVersionManifest) -> VersionManifest:
        return versions.get_manifest(session, request.project_id, request.version_id)

    @rpc
    def change_version(self, session: Session, request: ChangeVersion) -> Version:
        return versions.change_version(session, request)

    @rpc
    def delete_version(self, session: Session, request: DeleteVersion) -> Nothing:
        return versions.delete_version(session, request)

    @rpc
    def compare_versions(self, session: Session, request: CompareVersions) -> Comparison:
        return comparisons.compare_versions(session, request)

    @rpc
    def get_comparison(self, session: Session, request: GetComparison) -> Comparison:
        return comparisons.get_comparison(session, request.project_id, request.comparison_id)

    @rpc
    def list_differences(self, session: Session, request: ListDifferences) -> DifferencePage:
        return comparisons.list_differences(session, request)

    @rpc
    def open_issue(self, session: Session, request: OpenIssue) -> Issue:
        return issues.open_issue(session, RpcClient.shared(), request)

    @rpc
    def move_issue(self, session: Session, request: MoveIssue) -> Issue:
        return issues.move_issue(session, RpcClient.shared(), request)

    @rpc
    def comment_on_issue(self, session: Session, request: CommentOnIssue) -> IssueComment:
        return issues.comment_on_issue(session, RpcClient.shared(), request)

    @rpc
    def list_issues(self, session: Session, request: ListIssues) -> IssuePage:
        return issues.list_issues(session, request)

    @rpc
    def list_issue_comments(self, session: Session, request: ListIssueComments) -> IssueCommentPage:
        return issues.list_comments(session, request)

    @rpc(again=lambda session, request, kept: imports.upload_again(session, ObjectStore.shared(), request, kept))
    def create_upload(self, session: Session, request: CreateUpload) -> Upload:
        return imports.create_upload(session, RpcClient.shared(), ObjectStore.shared(), request)

    @rpc
    def start_import(self, session: Session, request: StartImport) -> Import:
        return imports.start_import(session, RpcClient.shared(), ObjectStore.shared(), request)

    @rpc
    def get_import(self, session: Session, request: GetImport) -> Import:
        return imports.get_import(session, request.project_id, request.import_id)

    @rpc
    def get_loads(self, session: Session, request: GetLoads) -> Loads:
        return states.get_loads(session, request)

    @rpc
    def list_label_states(self, session: Session, request: ListLabelStates) -> LabelStates:
        return states.list_states(session, request)

    @rpc
    def get_label_states(self, session: Session, request: GetLabelStates) -> LabelStates:
        return states.get_states(session, request)

    @rpc
    def list_labeled_projects(self, session: Session, request: ListLabeledProjects) -> ProjectIds:
        return states.list_projects(session, request)

    @rpc
    def get_storage_quota(self, session: Session, request: GetStorageQuota) -> Quota:
        return storage.get_quota(session, request.project_id)

    @rpc
    def set_storage_quota(self, session: Session, request: SetStorageQuota) -> Quota:
        return storage.set_quota(session, request)

    @rpc
    def count_images(self, session: Session, request: CountImages) -> ImageCounts:
        return storage.images(session, request.project_id)
