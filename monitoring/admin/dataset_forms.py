"""The forms of datasets: upload, one item, and questions from documents."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from chat.models import Collection
from chat.rag.offline import OFFLINE_MODEL
from chat.services.configs import available_models, default_config
from chat.services.records import RECORD_SUFFIXES
from monitoring.datasets.by_hand import Said
from monitoring.datasets.cells import as_list
from monitoring.datasets.columns import USUAL_NAMES, Columns
from monitoring.datasets.imports import ImportOptions
from monitoring.models import DatasetItem
from monitoring.synthetic.planning import MAX_PER_DOCUMENT, Wish, model_or_templates

AUTO, BY_COLUMN = "auto", ""
NAME_HELP = "Letters a to z, digits, hyphen and underscore. One that is there gets another version."
# Asked for first; the others are rare and stand under "Further columns".
MAIN_COLUMNS = ("question", "document", "answer", "collection")
COLUMN_LABELS = {
    "question": "Question",
    "document": "Documents",
    "answer": "Expected answer",
    "collection": "Collection",
    "relevance": "Relevance",
    "span": "Place in the document",
    "split": "Split",
    "tags": "Tags",
    "unanswerable": "Unanswerable",
    "history": "Earlier exchanges",
    "cluster": "Cluster",
    "source": "Made by",
}


class UploadQuestionsForm(forms.Form):
    """A file of questions, how it is read, and where it goes."""

    file = forms.FileField()
    name = forms.CharField(label="Dataset", max_length=60, widget=UnfoldAdminTextInputWidget, help_text=NAME_HELP)
    collection = forms.ModelChoiceField(
        Collection.objects.all(),
        required=False,
        empty_label="By column, else all collections",
        widget=UnfoldAdminSelectWidget,
        help_text="Where the documents are, and where the questions are searched.",
    )
    split = forms.ChoiceField(
        choices=[(BY_COLUMN, "By column, else by document"), (AUTO, "By document"), *DatasetItem.Split.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="All questions about a document are in one split.",
    )
    encoding = forms.CharField(
        required=False, max_length=40, widget=UnfoldAdminTextInputWidget, help_text="Empty: UTF-8."
    )
    strict = forms.BooleanField(
        label="Import nothing when a row cannot be used", required=False, widget=UnfoldBooleanWidget
    )
    keep_placeholders = forms.BooleanField(
        label='Keep rows such as "question1"', required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs |= {
            "accept": ",".join(RECORD_SUFFIXES),
            "class": f"{' '.join(INPUT_CLASSES)} upload-files",
        }
        self.fields["file"].help_text = f"One of {' '.join(RECORD_SUFFIXES)}, up to {settings.UPLOAD_MAX_MB} MB."
        for role, usual in USUAL_NAMES.items():
            self.fields[f"{role}_column"] = forms.CharField(
                label=COLUMN_LABELS[role],
                required=False,
                widget=UnfoldAdminTextInputWidget,
                help_text=f'Empty: "{usual}" where there is one.',
            )

    @property
    def main_columns(self) -> list[forms.BoundField]:
        return [self[f"{role}_column"] for role in MAIN_COLUMNS]

    @property
    def further_columns(self) -> list[forms.BoundField]:
        return [self[f"{role}_column"] for role in USUAL_NAMES if role not in MAIN_COLUMNS]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_MAX_MB * 2**20:
            raise forms.ValidationError(
                f"{file.name} has {file.size / 2**20:,.1f} MB; at most {settings.UPLOAD_MAX_MB} MB are possible here."
                " manage.py import_dataset reads larger files."
            )
        return file

    def options(self) -> ImportOptions:
        """Return how the file is read, as the service takes it."""
        values = self.cleaned_data
        split = values["split"]
        return ImportOptions(
            columns=Columns(**{role: values[f"{role}_column"].strip() for role in USUAL_NAMES}),
            collection=values["collection"].name if values["collection"] else "",
            split="" if split in (AUTO, BY_COLUMN) else split,
            ignore_split_column=split != BY_COLUMN and not values["split_column"],
            keep_placeholders=values["keep_placeholders"],
            encoding=values["encoding"].strip(),
        )


class ItemForm(forms.Form):
    """One item, written or corrected by hand."""

    question = forms.CharField(max_length=8000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    expected_answer = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), help_text="Empty: not known."
    )
    collection = forms.ModelChoiceField(
        Collection.objects.all(), required=False, empty_label="All collections", widget=UnfoldAdminSelectWidget
    )
    documents = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Ids of the documents that answer it, as given at ingest, one a line.",
    )
    is_answerable = forms.BooleanField(
        label="The knowledge base answers it",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Off: on purpose nothing answers it, and the right answer says so.",
    )
    tags = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Several are separated by commas."
    )
    split = forms.ChoiceField(
        choices=[("", "By document"), *DatasetItem.Split.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="All questions about a document are in one split.",
    )

    def clean_tags(self) -> list[str]:
        tags = [tag for tag in as_list(self.cleaned_data["tags"], separators=";,") if tag]
        if any(len(tag) > 60 for tag in tags):
            raise forms.ValidationError("A tag has 60 characters at most.")
        return tags

    def said(self) -> Said:
        """Return the item as the service takes it."""
        values = self.cleaned_data
        lines = (line.strip() for line in values["documents"].splitlines())
        return Said(
            question=values["question"],
            expected_answer=values["expected_answer"],
            is_answerable=values["is_answerable"],
            source_ids=[line for line in lines if line],
            collection=values["collection"],
            tags=values["tags"],
            split=values["split"],
        )


class GenerateForm(forms.Form):
    """How many questions to make of which documents, and who writes them."""

    collection = forms.ModelChoiceField(Collection.objects.all(), empty_label=None, widget=UnfoldAdminSelectWidget)
    name = forms.CharField(label="Dataset", max_length=60, widget=UnfoldAdminTextInputWidget, help_text=NAME_HELP)
    model = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Templates cost nothing; a model writes as people do.",
    )
    per_document = forms.IntegerField(
        label="Questions for each document",
        min_value=1,
        max_value=MAX_PER_DOCUMENT,
        initial=5,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    limit_documents = forms.IntegerField(
        label="Documents at most",
        min_value=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="A random sample. Empty: all.",
    )
    multi_document_ratio = forms.FloatField(
        label="Share that needs two documents",
        min_value=0,
        max_value=1,
        initial=0.1,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Beside the others, 0 to 1.",
    )
    unanswerable_ratio = forms.FloatField(
        label="Share without an answer",
        min_value=0,
        max_value=1,
        initial=0.1,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Beside the others, 0 to 1.",
    )
    is_checked = forms.BooleanField(
        label="Check the questions",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="The model is asked again whether each can be answered. For models only.",
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Decides the sample.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = [name for name in available_models() if name != OFFLINE_MODEL]
        choices = [("", "Templates, no model"), *((name, name) for name in models)]
        field: Any = self.fields["model"]
        field.choices = choices
        config = default_config()
        self.initial.setdefault("model", config.model if config and config.model in models else "")

    def wish(self) -> Wish:
        """Return what is asked for, as the service takes it. Raises ConfigurationError."""
        values = self.cleaned_data
        return Wish(
            per_document=values["per_document"],
            unanswerable_ratio=values["unanswerable_ratio"],
            multi_document_ratio=values["multi_document_ratio"],
            limit_documents=values["limit_documents"],
            seed=values["seed"],
            model=model_or_templates(values["model"]),
            is_checked=values["is_checked"],
        )
