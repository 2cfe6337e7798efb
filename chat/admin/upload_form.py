"""The form that uploads files to a collection."""

from typing import Any

from django import forms
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chat.exceptions import IngestError
from chat.models import Collection
from chat.services.uploads import check_upload, find_columns, known_suffixes


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; cleans to a list of them. Each is checked, so that all that is wrong is said at once."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        cleaned, errors = [], []
        for file in files or [None]:
            try:
                if file is not None and file.size is not None:
                    check_upload(name=str(file.name), size_bytes=file.size)
                cleaned.append(super().clean(file, initial))
            except IngestError as exc:
                errors.append(forms.ValidationError(str(exc)))
            except forms.ValidationError as exc:
                errors.append(exc)
        if errors:
            raise forms.ValidationError(errors)
        return cleaned


class UploadForm(forms.Form):
    """Files and where they go; the columns matter for CSV and JSON files only.

    `columns` says which columns of each file hold what, by the file's name; `lacks_columns` that some were not found.
    """

    columns: dict[str, dict[str, str | list[str]]]
    lacks_columns = False

    documents = FilesField(label="Files")
    collection = forms.ModelChoiceField(
        Collection.objects.all(), required=False, empty_label="Choose a collection", widget=UnfoldAdminSelectWidget
    )
    new_collection = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Or the name of a new collection, made with the upload.",
    )
    id_field = forms.CharField(
        required=False,
        label="Column with the id",
        widget=UnfoldAdminTextInputWidget,
        help_text='Empty: "id", if there is one.',
    )
    title_field = forms.CharField(
        required=False,
        label="Column with the title",
        widget=UnfoldAdminTextInputWidget,
        help_text='Empty: "title" or "question", else the beginning of the text.',
    )
    text_field = forms.CharField(
        required=False,
        label="Column with the text",
        widget=UnfoldAdminTextInputWidget,
        help_text='Empty: "text", "answer", "body" or "content".',
    )
    heading_fields = forms.CharField(
        required=False,
        label="Columns with headings",
        widget=UnfoldAdminTextInputWidget,
        help_text="Several are separated by commas, the outermost first.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        suffixes = known_suffixes()
        field = self.fields["documents"]
        field.widget.attrs |= {"accept": ",".join(suffixes), "class": f"{' '.join(INPUT_CLASSES)} upload-files"}
        field.help_text = (
            f"One or more of {' '.join(suffixes)}. A file of the same name replaces the one in the collection."
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if bool(values.get("collection")) == bool(values.get("new_collection")) and "new_collection" in values:
            self.add_error("collection", "Choose a collection, or name a new one: one of the two.")
        self.columns = {}
        for file in values.get("documents", []):
            try:
                self.columns[file.name] = find_columns(file=file, columns=self._named(values))
            except IngestError as exc:
                self.lacks_columns = True
                self.add_error("documents", str(exc))
        return values

    @staticmethod
    def _named(values: dict[str, Any]) -> dict[str, str | list[str]]:
        """Return the columns that were named."""
        named: dict[str, str | list[str]] = {
            name: values[name] for name in ("id_field", "title_field", "text_field") if values.get(name)
        }
        if headings := [name.strip() for name in values.get("heading_fields", "").split(",") if name.strip()]:
            named["heading_fields"] = headings
        return named
