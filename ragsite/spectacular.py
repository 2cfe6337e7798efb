"""How the OpenAPI file of the REST API is made. Read by drf-spectacular as the setting SPECTACULAR_SETTINGS."""

from typing import Any

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "ragsite",
    "DESCRIPTION": "Ask, rate, score, evaluate, and read the figures. The handbook has examples: docs/api.md.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "PREPROCESSING_HOOKS": ["ragsite.api_schema.of_rest_alone"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ragsite.api_schema.of_closed_bodies",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Where fields of several resources have one name, and where one set of values has several.
    "ENUM_NAME_OVERRIDES": {
        "TurnStatusEnum": "chat.models.Turn.Status",
        "DocumentStatusEnum": "chat.models.Document.Status",
        "SearchModeEnum": "chat.models.PipelineConfig.Mode",
        "ItemSplitEnum": "monitoring.models.DatasetItem.Split",
        "UploadSplitEnum": "monitoring.api.dataset_files.SPLITS",
        "RunSplitEnum": "monitoring.api.runs.SPLITS",
        "RunKindEnum": "monitoring.models.EvaluationRun.Kind",
        "RunStatusEnum": "monitoring.models.EvaluationRun.Status",
        "ReviewStatusEnum": "monitoring.models.ReviewItem.Status",
        "ExperimentStatusEnum": "monitoring.models.Experiment.Status",
        "ScoreSourceEnum": "monitoring.models.Score.Source",
        "ItemSourceEnum": "monitoring.models.DatasetItem.Source",
        "KpiEnum": "monitoring.api.experiment_shapes.KPI_NAMES",
    },
}
