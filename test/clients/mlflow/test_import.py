"""What the unmodified mlflow wrote to files and to SQLite, imported: every field and every byte must be the same here."""

import json
import math
import os
import subprocess
import uuid
from pathlib import Path

# Newer clients write no folder of files unless told to. Read when a store is opened.
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

SLIPWAY = Path(__file__).parents[3] / "bin" / "slipway.mjs"
NEWEST = int(mlflow.__version__.split(".")[0]) >= 3
if NEWEST:
    from mlflow.entities import AssessmentSource
# Where each server keeps things is its own affair.
PLACES = {"mlflow.artifactLocation", "mlflow.trace.spansLocation"}


def write_source(uri, name, classifier, features):
    """Uses everything that is imported; the ways are those of the newest client and of 2.22."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(uri)
    experiment = client.create_experiment(name, tags={"team": "risk", "note": "ä\n{}"})
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="parent", description="the first\nof them"):
        mlflow.log_params({"depth": "3", "a/b.c d": "x" * 500, "lines": "one\ntwo", "number": "12e03"})
        for step in range(300):
            mlflow.log_metric("loss", 1 / (step + 1), step=step, timestamp=1_790_000_000_000 + step)
        mlflow.log_metric("nan", math.nan, step=-1)
        mlflow.log_metric("deep/inf", math.inf)
        mlflow.log_metric("deep/minus", -math.inf, step=2)
        table = pd.DataFrame(features, columns=list("abcd"))
        mlflow.log_input(mlflow.data.from_pandas(table, name="train"), context="training")
        mlflow.log_text("naïve", "notes/deep er/50%.txt")
        mlflow.log_dict({"x": 1}, "conf.json")
        mlflow.log_text("", "empty")
        logged = {"name": "model"} if NEWEST else {"artifact_path": "model"}
        model = mlflow.sklearn.log_model(classifier, registered_model_name=name, **logged)
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("x", 1)
    with mlflow.start_run(run_name="gone") as gone:
        mlflow.log_metric("x", 2)
    client.delete_run(gone.info.run_id)
    trashed = client.create_experiment(f"{name}-trashed")
    client.create_run(trashed, run_name="within")
    client.delete_experiment(trashed)
    for _ in range(3):
        mlflow.register_model(model.model_uri, name)
    client.delete_model_version(name, "2")
    client.update_registered_model(name, "of cards")
    client.set_registered_model_tag(name, "owner", "ada")
    client.set_model_version_tag(name, "3", "validated", "yes")
    client.update_model_version(name, "3", "the good one")
    client.set_registered_model_alias(name, "champion", "3")
    client.set_registered_model_alias(name, "old", "1")
    client.transition_model_version_stage(name, "1", "Archived")
    client.transition_model_version_stage(name, "3", "Production")
    client.copy_model_version(f"models:/{name}/3", f"{name}-prod")
    client.create_registered_model(f"{name}-empty")
    register_prompt = mlflow.genai.register_prompt if NEWEST else mlflow.register_prompt
    register_prompt(name=f"{name}-prompt", template="Hello {{name}}")

    @mlflow.trace
    def answer(question):
        with mlflow.start_span("inner") as span:
            span.set_inputs({"q": question})
            span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12})
        if NEWEST:
            mlflow.update_current_trace(metadata={"mlflow.trace.session": "s1"}, tags={"kind": "chat"})
        return question * 2

    answer("what")
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    if NEWEST:
        assess(mlflow.get_last_active_trace_id())


def assess(trace_id):
    human = AssessmentSource(source_type="HUMAN", source_id="ada")
    mlflow.log_feedback(
        trace_id=trace_id, name="good", value=True, source=human, rationale="it\nis", metadata={"sure": "yes", "a/b": "0.5"}
    )
    score = mlflow.log_feedback(trace_id=trace_id, name="score", value=0.25, source=human)
    mlflow.override_feedback(trace_id=trace_id, assessment_id=score.assessment_id, value=0.75, rationale="on reflection")
    mlflow.log_feedback(trace_id=trace_id, name="grades", value={"style": 3, "of": "5"})
    mlflow.log_feedback(trace_id=trace_id, name="judge", error=ValueError("no answer"))
    mlflow.log_expectation(trace_id=trace_id, name="facts", value=["a", 9007199254740993, {"b": None}])
    mlflow.log_expectation(trace_id=trace_id, name="text", value="0.5")


def slipway_import(server, *args):
    done = subprocess.run(
        [str(SLIPWAY), "import", *map(str, args), "--server", server, "--json"], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module", params=["mlruns", "sqlite"])
def imported(request, tmp_path_factory, tracking_uri, classifier, features):
    """The client of the source, the name of what it holds, the report of the import, and what to import again."""
    root = tmp_path_factory.mktemp("source")
    name = f"import-{uuid.uuid4().hex[:12]}"
    folder = os.getcwd()
    os.chdir(root)
    uri = f"file://{root}/mlruns" if request.param == "mlruns" else f"sqlite:///{root}/mlflow.db"
    try:
        write_source(uri, name, classifier, features)
    finally:
        os.chdir(folder)
        mlflow.set_tracking_uri(tracking_uri)
        mlflow.set_registry_uri(tracking_uri)
    source = ("mlruns", root / "mlruns") if request.param == "mlruns" else ("sqlite", root / "mlflow.db")
    args = source if request.param == "mlruns" else (*source, "--artifacts", root / "mlruns")
    code, dry = slipway_import(tracking_uri, *args, "--dry-run")
    assert (code, dry["problems"]) == (0, [])
    assert MlflowClient(tracking_uri).get_experiment_by_name(name) is None
    code, report = slipway_import(tracking_uri, *args)
    assert (code, report["problems"]) == (0, [])
    for kind, counts in report["counts"].items():
        assert counts["found"] == dry["counts"][kind]["found"], kind
    return MlflowClient(uri), name, report, args


def same(value):
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def experiments_of(client, name):
    found = [each for each in client.search_experiments(view_type=ViewType.ALL) if each.name.startswith(name)]
    return {each.name: each for each in found}


def runs_of(client, name):
    ids = [each.experiment_id for each in experiments_of(client, name).values()]
    return {run.info.run_id: run for run in client.search_runs(ids, run_view_type=ViewType.ALL)}


def folder_of(uri):
    return Path(uri.removeprefix("file://"))


def bytes_below(folder):
    folder = Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_experiments(imported, client):
    source, name, *_ = imported
    theirs, ours = experiments_of(source, name), experiments_of(client, name)
    assert ours.keys() == theirs.keys() and len(theirs) == 2
    for key, experiment in theirs.items():
        for field in ("lifecycle_stage", "creation_time", "last_update_time", "tags"):
            assert getattr(ours[key], field) == getattr(experiment, field), field
        assert ours[key].artifact_location.startswith("mlflow-artifacts:/")


def test_runs(imported, client):
    source, name, *_ = imported
    theirs, ours = runs_of(source, name), runs_of(client, name)
    assert ours.keys() == theirs.keys() and len(theirs) == 4
    for run_id, run in theirs.items():
        for field in ("run_name", "status", "start_time", "end_time", "user_id", "lifecycle_stage"):
            assert getattr(ours[run_id].info, field) == getattr(run.info, field), field
        assert ours[run_id].data.params == run.data.params
        assert ours[run_id].data.tags == run.data.tags
        assert {key: same(value) for key, value in ours[run_id].data.metrics.items()} == {
            key: same(value) for key, value in run.data.metrics.items()
        }
        datasets = lambda run: [each.to_dictionary() for each in run.inputs.dataset_inputs]
        assert datasets(ours[run_id]) == datasets(run)
        if NEWEST:
            models = lambda run: [(each.model_id, each.step) for each in (run.outputs.model_outputs if run.outputs else [])]
            assert models(ours[run_id]) == models(run)


def test_metric_histories(imported, client):
    source, name, *_ = imported
    points = 0
    for run_id, run in runs_of(source, name).items():
        for key in run.data.metrics:
            # Folders of files hold points that were logged twice; here, as in SQL, they are one.
            history = lambda of: {(each.step, each.timestamp, same(each.value)) for each in of.get_metric_history(run_id, key)}
            assert history(client) == history(source), key
            points += len(history(client))
    assert points >= 305


def test_artifacts(imported, client, tmp_path):
    source, name, *_ = imported
    ours, compared = runs_of(client, name), 0
    for run_id, run in runs_of(source, name).items():
        theirs = bytes_below(folder_of(run.info.artifact_uri))
        # By their URI: clients of one process share what they know of a run's artifacts, whatever server they are of.
        uri = ours[run_id].info.artifact_uri
        assert uri.startswith("mlflow-artifacts:/")
        if theirs:
            assert bytes_below(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(tmp_path / run_id))) == theirs
        else:
            assert not mlflow.artifacts.list_artifacts(artifact_uri=uri)
        compared += len(theirs)
    assert compared >= 3


def versions_of(client, name):
    found = client.search_model_versions(f"name = '{name}'")
    return {int(each.version): each for each in found}


def test_registered_models(imported, client):
    source, name, *_ = imported
    for model_name in (name, f"{name}-prod", f"{name}-empty"):
        theirs, ours = source.get_registered_model(model_name), client.get_registered_model(model_name)
        for field in ("name", "creation_timestamp", "last_updated_timestamp", "tags", "aliases"):
            assert getattr(ours, field) == getattr(theirs, field), field
        assert (ours.description or "") == (theirs.description or "")
        theirs, ours = versions_of(source, model_name), versions_of(client, model_name)
        assert ours.keys() == theirs.keys()
        for number, version in theirs.items():
            fields = ("creation_timestamp", "last_updated_timestamp", "current_stage", "run_id", "status", "tags", "aliases")
            for field in fields:
                assert getattr(ours[number], field) == getattr(version, field), field
            assert (ours[number].description or "") == (version.description or "")
            if version.source.startswith("models:"):
                assert ours[number].source == version.source
            else:
                assert ours[number].source.startswith("mlflow-artifacts:/")
    assert sorted(versions_of(client, name)) == [1, 3, 4]
    assert client.get_model_version_by_alias(name, "champion").version in (3, "3")


def test_numbers_go_on_behind_the_imported_ones_and_files_are_sealed(imported, client, tracking_uri):
    _, name, *_ = imported
    champion = client.get_model_version_by_alias(name, "champion")
    made = client.create_model_version(name, champion.source, run_id=champion.run_id)
    assert int(made.version) == 5
    client.delete_model_version(name, "5")
    folder = client.get_model_version_download_uri(name, str(champion.version)).removeprefix("mlflow-artifacts:/")
    if folder.startswith("models:/"):
        folder = client.get_logged_model(folder.removeprefix("models:/")).artifact_location.removeprefix("mlflow-artifacts:/")
    answer = requests.put(f"{tracking_uri}/api/2.0/mlflow-artifacts/artifacts/{folder}/MLmodel", data=b"changed")
    assert (answer.status_code, answer.headers["slipway-error"]) == (409, "artifact_sealed")


def test_models_load_and_predict_the_same(imported, client, classifier, features, tmp_path):
    _, name, _, args = imported
    for uri in (f"models:/{name}@champion", f"models:/{name}/1", f"models:/{name}-prod/1"):
        loaded = mlflow.sklearn.load_model(uri)
        assert np.array_equal(loaded.predict_proba(features), classifier.predict_proba(features))
    ours = mlflow.artifacts.download_artifacts(f"models:/{name}@champion", dst_path=str(tmp_path))
    (theirs,) = {path.parent for path in Path(args[1]).parent.rglob("MLmodel")}
    # The client writes this one where it downloads a registered model.
    meta = "registered_model_meta"
    kept = lambda folder: {path: content for path, content in bytes_below(folder).items() if path != meta}
    assert kept(ours) == kept(theirs) and len(kept(ours)) >= 5


def test_prompts(imported, client):
    _, name, *_ = imported
    load = mlflow.genai.load_prompt if NEWEST else mlflow.load_prompt
    prompt = load(f"prompts:/{name}-prompt/1")
    assert prompt.template == "Hello {{name}}"


def trace_of(client, name):
    ids = [each.experiment_id for each in experiments_of(client, name).values() if each.lifecycle_stage == "active"]
    traces = client.search_traces(locations=ids) if NEWEST else client.search_traces(ids)
    assert len(traces) == 1
    return traces[0]


def test_traces_with_their_spans(imported, client):
    source, name, *_ = imported
    theirs, ours = trace_of(source, name), trace_of(client, name)
    fields = ("request_id", "timestamp_ms", "execution_time_ms", "status")
    for field in fields:
        assert getattr(ours.info, field) == getattr(theirs.info, field), field
    without = lambda pairs: {key: value for key, value in pairs.items() if key not in PLACES}
    assert without(ours.info.tags) == without(theirs.info.tags)
    assert ours.info.request_metadata == theirs.info.request_metadata
    spans = lambda trace: [span.to_dict() for span in trace.data.spans]
    assert spans(ours) == spans(theirs) and len(spans(ours)) == 2


def assessments_of(client, name):
    found = {each.assessment_id: each.to_dictionary() for each in trace_of(client, name).info.assessments}
    for each in found.values():
        # The client keeps this of an expectation that it reads in a database, and forgets it of one by HTTP.
        if "expectation" in each:
            each.pop("valid", None)
    return found


@pytest.mark.skipif(not NEWEST, reason="assessments came with 3.0")
def test_assessments(imported, client):
    source, name, *_ = imported
    theirs, ours = assessments_of(source, name), assessments_of(client, name)
    assert ours == theirs and len(ours) == 7
    (search,) = client.search_traces(
        locations=[trace_of(client, name).info.experiment_id], filter_string="feedback.score = '0.75'"
    )
    assert search.info.trace_id == trace_of(source, name).info.trace_id


@pytest.mark.skipif(not NEWEST, reason="logged models came with 3.0")
def test_logged_models(imported, client):
    source, name, *_ = imported
    active = lambda of: [each.experiment_id for each in experiments_of(of, name).values() if each.lifecycle_stage == "active"]
    theirs = source.search_logged_models(active(source))
    ours = client.search_logged_models(active(client))
    assert [each.model_id for each in ours] == [each.model_id for each in theirs] and len(ours) == 1
    fields = ("name", "status", "source_run_id", "creation_timestamp", "last_updated_timestamp", "params")
    for field in fields:
        assert getattr(ours[0], field) == getattr(theirs[0], field), field
    # What MLflow writes there is where a model is registered, which a search of ours tells by itself.
    registered = "mlflow.modelVersions"
    without = lambda tags: {key: value for key, value in tags.items() if key != registered}
    assert without(ours[0].tags) == without(theirs[0].tags)
    newest = lambda metrics: {
        each.key: (each.step, each.timestamp, same(each.value), each.run_id)
        for each in sorted(metrics or [], key=lambda each: (each.step, each.timestamp))
    }
    assert newest(ours[0].metrics) == newest(theirs[0].metrics) and newest(ours[0].metrics)


def test_a_second_import_changes_nothing(imported, tracking_uri, client):
    _, name, first, args = imported
    # As text, since NaN equals nothing.
    texts = lambda: {run_id: json.dumps(run.to_dictionary(), sort_keys=True) for run_id, run in runs_of(client, name).items()}
    before = texts()
    # What was changed here since stays changed.
    client.set_registered_model_tag(f"{name}-prod", "since", "then")
    code, again = slipway_import(tracking_uri, *args)
    assert (code, again["problems"]) == (0, [])
    for kind, counts in again["counts"].items():
        assert (counts["created"], counts["present"]) == (0, counts["found"]), kind
    assert again["bytes"] == 0 and again["experiments"] == first["experiments"]
    assert texts() == before
    assert client.get_registered_model(f"{name}-prod").tags["since"] == "then"
