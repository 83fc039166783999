"""The RPCs that dialects call."""

from __future__ import annotations

from typing import Final

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    models_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
)

_AUTH = auth_pb2.DESCRIPTOR.services_by_name["AuthService"].methods_by_name
_BATCHES = batches_pb2.DESCRIPTOR.services_by_name["BatchService"].methods_by_name
_DATASETS = datasets_pb2.DESCRIPTOR.services_by_name["DatasetService"].methods_by_name
_DEPLOYMENTS = deployments_pb2.DESCRIPTOR.services_by_name["DeploymentService"].methods_by_name
_DOWNLOADS = downloads_pb2.DESCRIPTOR.services_by_name["DownloadService"].methods_by_name
_FILES = files_pb2.DESCRIPTOR.services_by_name["FileService"].methods_by_name
_HARDWARE = hardware_pb2.DESCRIPTOR.services_by_name["HardwareService"].methods_by_name
_HUB = hub_pb2.DESCRIPTOR.services_by_name["HubService"].methods_by_name
_IMAGES = images_pb2.DESCRIPTOR.services_by_name["ImageService"].methods_by_name
_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].methods_by_name
_MODELS = models_pb2.DESCRIPTOR.services_by_name["ModelService"].methods_by_name
_PLUGINS = plugins_pb2.DESCRIPTOR.services_by_name["PluginService"].methods_by_name
_PROJECTS = projects_pb2.DESCRIPTOR.services_by_name["ProjectService"].methods_by_name
_RESPONSES = responses_pb2.DESCRIPTOR.services_by_name["ResponseService"].methods_by_name
_SESSIONS = sessions_pb2.DESCRIPTOR.services_by_name["SessionService"].methods_by_name
_SPEECH = speech_pb2.DESCRIPTOR.services_by_name["SpeechService"].methods_by_name
_SYSTEM = system_pb2.DESCRIPTOR.services_by_name["SystemService"].methods_by_name
_TASKS = tasks_pb2.DESCRIPTOR.services_by_name["TaskService"].methods_by_name
_TRAINING = training_pb2.DESCRIPTOR.services_by_name["TrainingService"].methods_by_name

CREATE_TOKEN: Final = _AUTH["CreateToken"]
GET_CURRENT_USER: Final = _AUTH["GetCurrentUser"]

GENERATE: Final = _INFERENCE["Generate"]
STREAM_GENERATE: Final = _INFERENCE["StreamGenerate"]
BATCH_GENERATE: Final = _INFERENCE["BatchGenerate"]
CHAT: Final = _INFERENCE["Chat"]
STREAM_CHAT: Final = _INFERENCE["StreamChat"]
APPLY_TEMPLATE: Final = _INFERENCE["ApplyTemplate"]
EMBED: Final = _INFERENCE["Embed"]
DETOKENIZE: Final = _INFERENCE["Detokenize"]
TOKENIZE: Final = _INFERENCE["Tokenize"]
GET_TOKENIZER: Final = _INFERENCE["GetTokenizer"]
RERANK: Final = _INFERENCE["Rerank"]

LIST_VOICES: Final = _SPEECH["ListVoices"]
SYNTHESIZE: Final = _SPEECH["Synthesize"]
STREAM_SYNTHESIZE: Final = _SPEECH["StreamSynthesize"]
TRANSCRIBE: Final = _SPEECH["Transcribe"]
STREAM_TRANSCRIBE: Final = _SPEECH["StreamTranscribe"]

GENERATE_IMAGES: Final = _IMAGES["GenerateImages"]
STREAM_GENERATE_IMAGES: Final = _IMAGES["StreamGenerateImages"]

LIST_MODELS: Final = _MODELS["ListModels"]
GET_MODEL: Final = _MODELS["GetModel"]
DELETE_MODEL: Final = _MODELS["DeleteModel"]
LOAD_MODEL: Final = _MODELS["LoadModel"]
UNLOAD_MODEL: Final = _MODELS["UnloadModel"]
IMPORT_MODEL: Final = _MODELS["ImportModel"]
ESTIMATE_MODEL: Final = _MODELS["EstimateModel"]

CREATE_RESPONSE: Final = _RESPONSES["CreateResponse"]
STREAM_RESPONSE: Final = _RESPONSES["StreamResponse"]
GET_RESPONSE: Final = _RESPONSES["GetResponse"]
LIST_RESPONSES: Final = _RESPONSES["ListResponses"]
UPDATE_RESPONSE: Final = _RESPONSES["UpdateResponse"]
CANCEL_RESPONSE: Final = _RESPONSES["CancelResponse"]
WATCH_RESPONSE: Final = _RESPONSES["WatchResponse"]
LIST_RESPONSE_INPUT: Final = _RESPONSES["ListResponseInput"]
DELETE_RESPONSE: Final = _RESPONSES["DeleteResponse"]

CREATE_SESSION: Final = _SESSIONS["CreateSession"]
SEND_MESSAGE: Final = _SESSIONS["SendMessage"]
STREAM_MESSAGE: Final = _SESSIONS["StreamMessage"]
CONVERSE: Final = _SESSIONS["Converse"]

GET_HEALTH: Final = _SYSTEM["GetHealth"]
GET_STATUS: Final = _SYSTEM["GetStatus"]
GET_HEALTH_REPORT: Final = _SYSTEM["GetHealthReport"]
GET_RESOURCES: Final = _SYSTEM["GetResources"]
GET_LOAD: Final = _SYSTEM["GetLoad"]
GET_CONFIGURATION: Final = _SYSTEM["GetConfiguration"]
GET_METRICS: Final = _SYSTEM["GetMetrics"]

UPLOAD_FILE: Final = _FILES["UploadFile"]
GET_FILE: Final = _FILES["GetFile"]
LIST_FILES: Final = _FILES["ListFiles"]
DOWNLOAD_FILE: Final = _FILES["DownloadFile"]
DELETE_FILE: Final = _FILES["DeleteFile"]

LIST_DEVICES: Final = _HARDWARE["ListDevices"]
GET_DEVICE_METRICS: Final = _HARDWARE["GetDeviceMetrics"]
GET_ACCELERATION: Final = _HARDWARE["GetAcceleration"]
SET_ACCELERATION: Final = _HARDWARE["SetAcceleration"]
LIST_RECOMMENDATIONS: Final = _HARDWARE["ListRecommendations"]

SEARCH_HUB_MODELS: Final = _HUB["SearchHubModels"]
GET_HUB_MODEL: Final = _HUB["GetHubModel"]
LIST_HUB_CATEGORIES: Final = _HUB["ListHubCategories"]
LIST_TRENDING_MODELS: Final = _HUB["ListTrendingModels"]
GET_HUB_STATISTICS: Final = _HUB["GetHubStatistics"]
SYNC_HUBS: Final = _HUB["SyncHubs"]
ADD_FAVORITE: Final = _HUB["AddFavorite"]
REMOVE_FAVORITE: Final = _HUB["RemoveFavorite"]

START_DEPLOYMENT: Final = _DEPLOYMENTS["StartDeployment"]
GET_DEPLOYMENT: Final = _DEPLOYMENTS["GetDeployment"]
LIST_DEPLOYMENTS: Final = _DEPLOYMENTS["ListDeployments"]
STOP_DEPLOYMENT: Final = _DEPLOYMENTS["StopDeployment"]
RESTART_DEPLOYMENT: Final = _DEPLOYMENTS["RestartDeployment"]
DELETE_DEPLOYMENT: Final = _DEPLOYMENTS["DeleteDeployment"]
GET_DEPLOYMENT_LOGS: Final = _DEPLOYMENTS["GetDeploymentLogs"]
GET_DEPLOYMENT_HEALTH: Final = _DEPLOYMENTS["GetDeploymentHealth"]
GET_DEPLOYMENT_MODEL: Final = _DEPLOYMENTS["GetDeploymentModel"]
WATCH_DEPLOYMENTS: Final = _DEPLOYMENTS["WatchDeployments"]
REPORT_DEPLOYMENT_ENDPOINT: Final = _DEPLOYMENTS["ReportDeploymentEndpoint"]

START_DOWNLOAD: Final = _DOWNLOADS["StartDownload"]
GET_DOWNLOAD: Final = _DOWNLOADS["GetDownload"]
LIST_DOWNLOADS: Final = _DOWNLOADS["ListDownloads"]
PAUSE_DOWNLOAD: Final = _DOWNLOADS["PauseDownload"]
RESUME_DOWNLOAD: Final = _DOWNLOADS["ResumeDownload"]
CANCEL_DOWNLOAD: Final = _DOWNLOADS["CancelDownload"]
RETRY_DOWNLOAD: Final = _DOWNLOADS["RetryDownload"]
DELETE_DOWNLOAD: Final = _DOWNLOADS["DeleteDownload"]
WATCH_DOWNLOADS: Final = _DOWNLOADS["WatchDownloads"]
GET_DOWNLOAD_QUEUE: Final = _DOWNLOADS["GetDownloadQueue"]
GET_STORAGE: Final = _DOWNLOADS["GetStorage"]

LIST_PLUGINS: Final = _PLUGINS["ListPlugins"]
EXECUTE_PLUGIN: Final = _PLUGINS["ExecutePlugin"]

GET_DATASET: Final = _DATASETS["GetDataset"]
LIST_DATASETS: Final = _DATASETS["ListDatasets"]

LIST_TRAINABLE_MODELS: Final = _TRAINING["ListTrainableModels"]
LIST_TRAINING_TEMPLATES: Final = _TRAINING["ListTrainingTemplates"]
LIST_TRAINING_RUNS: Final = _TRAINING["ListTrainingRuns"]
LIST_TRAINING_METRICS: Final = _TRAINING["ListTrainingMetrics"]
SUBMIT_TRAINING: Final = _TRAINING["SubmitTraining"]

CREATE_PROJECT: Final = _PROJECTS["CreateProject"]
GET_PROJECT: Final = _PROJECTS["GetProject"]
LIST_PROJECTS: Final = _PROJECTS["ListProjects"]
UPDATE_PROJECT: Final = _PROJECTS["UpdateProject"]
DELETE_PROJECT: Final = _PROJECTS["DeleteProject"]

SUBMIT_TASK: Final = _TASKS["SubmitTask"]
GET_TASK: Final = _TASKS["GetTask"]
CANCEL_TASK: Final = _TASKS["CancelTask"]
LIST_TASKS: Final = _TASKS["ListTasks"]
LIST_LANES: Final = _TASKS["ListLanes"]

CREATE_BATCH: Final = _BATCHES["CreateBatch"]
GET_BATCH: Final = _BATCHES["GetBatch"]
LIST_BATCHES: Final = _BATCHES["ListBatches"]
CANCEL_BATCH: Final = _BATCHES["CancelBatch"]
