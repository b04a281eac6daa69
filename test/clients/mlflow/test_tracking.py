"""Experiments, runs, what is logged to them, and artifacts."""

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from expectations import VERSION, refused
from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType
from packaging.version import Version

MIB = 1024 * 1024


def values(history):
    return [(point.step, point.value) for point in history]


# Experiments


def test_the_default_experiment_exists(client):
    experiment = client.get_experiment("0")
    assert experiment.experiment_id == "0"
    assert experiment.name == "Default"
    assert experiment.lifecycle_stage == "active"


def test_an_experiment_is_made_and_found_by_id_and_by_name(client, unique):
    before = int(time.time() * 1000)
    name = unique("a name with spaces/and ünïcode")
    experiment_id = client.create_experiment(name, tags={"team": "risk", "empty": ""})
    assert isinstance(experiment_id, str)
    by_id = client.get_experiment(experiment_id)
    by_name = client.get_experiment_by_name(name)
    assert by_id.name == name
    assert by_id.experiment_id == by_name.experiment_id == experiment_id
    assert by_id.tags == by_name.tags == {"team": "risk", "empty": ""}
    assert by_id.lifecycle_stage == "active"
    assert before - 60_000 < by_id.creation_time <= by_id.last_update_time
    assert experiment_id in by_id.artifact_location


def test_an_unknown_name_is_none(client, unique):
    assert client.get_experiment_by_name(unique("nobody")) is None


def test_set_experiment_makes_what_is_missing_and_reuses_what_exists(unique):
    name = unique("set")
    made = mlflow.set_experiment(name)
    assert mlflow.set_experiment(name).experiment_id == made.experiment_id


def test_an_experiment_is_renamed(client, experiment, unique):
    name = unique("renamed")
    client.rename_experiment(experiment, name)
    assert client.get_experiment(experiment).name == name
    assert client.get_experiment_by_name(name).experiment_id == experiment


def test_tags_of_an_experiment_are_set_overwritten_and_deleted(client, experiment):
    client.set_experiment_tag(experiment, "owner", "a")
    client.set_experiment_tag(experiment, "owner", "b")
    client.set_experiment_tag(experiment, "long", "x" * 5000)
    assert client.get_experiment(experiment).tags["owner"] == "b"
    assert client.get_experiment(experiment).tags["long"] == "x" * 5000
    if VERSION >= Version("3.0"):
        client.delete_experiment_tag(experiment, "owner")
        assert "owner" not in client.get_experiment(experiment).tags


def test_a_deleted_experiment_is_hidden_and_comes_back_with_its_runs(client, experiment, run):
    name = client.get_experiment(experiment).name
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    filter_string = f"name = '{name}'"
    assert client.search_experiments(filter_string=filter_string) == []
    deleted = client.search_experiments(view_type=ViewType.DELETED_ONLY, filter_string=filter_string)
    assert [found.experiment_id for found in deleted] == [experiment]
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    assert client.get_run(run).info.lifecycle_stage == "active"


# Runs


def test_a_run_has_what_it_was_started_with(client, experiment):
    with mlflow.start_run(run_name="first", tags={"kind": "smoke"}, description="what it is for") as active:
        during = client.get_run(active.info.run_id)
        assert during.info.status == "RUNNING"
        assert during.info.end_time is None
    run = client.get_run(active.info.run_id)
    assert run.info.run_name == "first"
    assert run.info.experiment_id == experiment
    assert run.info.status == "FINISHED"
    assert run.info.lifecycle_stage == "active"
    assert run.info.start_time <= run.info.end_time
    assert run.info.run_id in run.info.artifact_uri
    assert run.data.tags["kind"] == "smoke"
    assert run.data.tags["mlflow.note.content"] == "what it is for"
    assert run.data.tags["mlflow.runName"] == "first"
    assert run.data.tags["mlflow.user"] == run.info.user_id


def test_a_run_without_a_name_gets_one(client, experiment):
    run = client.create_run(experiment)
    assert run.info.run_name
    assert client.get_run(run.info.run_id).data.tags["mlflow.runName"] == run.info.run_name


def test_a_run_keeps_the_start_time_it_is_given(client, experiment):
    run = client.create_run(experiment, start_time=1_600_000_000_123)
    assert client.get_run(run.info.run_id).info.start_time == 1_600_000_000_123


def test_a_run_that_raises_has_failed(client, experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as active:
        raise ZeroDivisionError
    assert client.get_run(active.info.run_id).info.status == "FAILED"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_is_ended_with_each_status(client, run, status):
    client.set_terminated(run, status=status, end_time=1_700_000_000_000)
    info = client.get_run(run).info
    assert (info.status, info.end_time) == (status, 1_700_000_000_000)


def test_a_run_is_renamed_and_its_status_changed(client, run):
    client.update_run(run, status=RunStatus.to_string(RunStatus.SCHEDULED), name="another name")
    updated = client.get_run(run)
    assert updated.info.status == "SCHEDULED"
    assert updated.info.run_name == "another name"
    assert updated.data.tags["mlflow.runName"] == "another name"
    client.set_tag(run, "mlflow.runName", "by its tag")
    assert client.get_run(run).info.run_name == "by its tag"


def test_an_ended_run_is_resumed(client, experiment):
    with mlflow.start_run() as first:
        mlflow.log_metric("loss", 1.0, step=1)
    with mlflow.start_run(run_id=first.info.run_id):
        assert client.get_run(first.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("loss", 0.5, step=2)
    run = client.get_run(first.info.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"loss": 0.5}


def test_nested_runs_know_their_parent(client, experiment):
    with mlflow.start_run(run_name="parent") as parent:
        for number in range(3):
            with mlflow.start_run(run_name=f"child {number}", nested=True) as child:
                mlflow.log_param("number", number)
            assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {found.data.params["number"] for found in children} == {"0", "1", "2"}


def test_a_deleted_run_is_hidden_and_comes_back(client, experiment, run):
    client.log_metric(run, "kept", 1.0)
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment]) == []
    assert [found.info.run_id for found in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)] == [run]
    assert len(client.search_runs([experiment], run_view_type=ViewType.ALL)) == 1
    client.restore_run(run)
    restored = client.get_run(run)
    assert restored.info.lifecycle_stage == "active"
    assert restored.data.metrics == {"kept": 1.0}


# Params, metrics, tags


def test_params_are_text_and_written_once(client, run):
    client.log_param(run, "rate", 0.1)
    client.log_param(run, "layers", [1, 2])
    client.log_param(run, "empty", "")
    client.log_param(run, "rate", 0.1)
    assert client.get_run(run).data.params == {"rate": "0.1", "layers": "[1, 2]", "empty": ""}
    with refused("INVALID_PARAMETER_VALUE", "rate"):
        client.log_param(run, "rate", 0.2)
    assert client.get_run(run).data.params["rate"] == "0.1"


def test_a_param_of_six_thousand_characters_is_kept(client, run):
    client.log_param(run, "long", "x" * 6000)
    assert client.get_run(run).data.params["long"] == "x" * 6000


def test_keys_may_have_every_allowed_character(client, run):
    key = "a/b.c-d_e f:g"
    client.log_param(run, key, 1)
    client.log_metric(run, key, 2)
    client.set_tag(run, key, 3)
    data = client.get_run(run).data
    assert (data.params[key], data.metrics[key], data.tags[key]) == ("1", 2.0, "3")


def test_keys_that_javascript_objects_inherit_are_ordinary(client, run):
    for key in ["__proto__", "constructor", "toString", "hasOwnProperty"]:
        client.log_param(run, key, "p")
        client.log_metric(run, key, 1.5)
        client.set_tag(run, key, "t")
    data = client.get_run(run).data
    for key in ["__proto__", "constructor", "toString", "hasOwnProperty"]:
        assert (data.params[key], data.metrics[key], data.tags[key]) == ("p", 1.5, "t")
        assert values(client.get_metric_history(run, key)) == [(0, 1.5)]


def test_a_metric_keeps_its_whole_history_and_shows_the_last_step(client, run):
    points = [(3, 0.3), (1, 0.1), (2, 0.2), (2, 0.25), (-1, 9.0)]
    for offset, (step, value) in enumerate(points):
        client.log_metric(run, "loss", value, timestamp=1_700_000_000_000 + offset, step=step)
    history = client.get_metric_history(run, "loss")
    assert sorted(values(history)) == sorted(points)
    assert {point.timestamp for point in history} == {1_700_000_000_000 + offset for offset in range(len(points))}
    assert client.get_run(run).data.metrics == {"loss": 0.3}


def test_of_one_step_the_latest_time_counts_and_then_the_larger_value(client, run):
    client.log_metric(run, "by time", 1.0, timestamp=2000, step=5)
    client.log_metric(run, "by time", 7.0, timestamp=1000, step=5)
    client.log_metric(run, "by value", 1.0, timestamp=1000, step=5)
    client.log_metric(run, "by value", 3.0, timestamp=1000, step=5)
    client.log_metric(run, "by value", 2.0, timestamp=1000, step=5)
    assert client.get_run(run).data.metrics == {"by time": 1.0, "by value": 3.0}


def test_a_point_logged_twice_is_one_point(client, run):
    for _ in range(2):
        client.log_metric(run, "same", 1.0, timestamp=1000, step=1)
    assert values(client.get_metric_history(run, "same")) == [(1, 1.0)]


def test_metrics_that_are_not_numbers_or_not_finite_are_kept(client, run):
    for step, value in enumerate([1.0, math.nan, math.inf, -math.inf]):
        client.log_metric(run, "odd", value, step=step)
    client.log_metric(run, "nan", math.nan)
    client.log_metric(run, "up", math.inf)
    got = {point.step: point.value for point in client.get_metric_history(run, "odd")}
    assert got[0] == 1.0
    assert math.isnan(got[1])
    # The reference server keeps infinities as the largest finite double.
    assert got[2] >= 1.7976931348623157e308
    assert got[3] <= -1.7976931348623157e308
    latest = client.get_run(run).data.metrics
    assert math.isnan(latest["nan"])
    assert latest["up"] >= 1.7976931348623157e308


def test_metrics_keep_every_bit_of_a_double(client, run):
    wanted = {"third": 1 / 3, "tiny": 5e-324, "large": 1.7976931348623157e308, "minus": -0.1, "whole": float(2**53)}
    for key, value in wanted.items():
        client.log_metric(run, key, value)
    assert client.get_run(run).data.metrics == wanted


def test_steps_may_be_larger_than_32_bits(client, run):
    client.log_metric(run, "m", 1.0, step=2**40)
    assert values(client.get_metric_history(run, "m")) == [(2**40, 1.0)]


def test_a_batch_of_a_thousand_metrics(client, run):
    metrics = [Metric("loss", step / 7, 1_700_000_000_000 + step, step) for step in range(1000)]
    client.log_batch(run, metrics=metrics)
    assert values(client.get_metric_history(run, "loss")) == [(step, step / 7) for step in range(1000)]
    assert client.get_run(run).data.metrics == {"loss": 999 / 7}


def test_a_batch_holds_metrics_params_and_tags(client, run):
    client.log_batch(
        run,
        metrics=[Metric(f"m{index}", index, 1000, 0) for index in range(50)],
        params=[Param(f"p{index}", str(index)) for index in range(100)],
        tags=[RunTag(f"t{index}", str(index)) for index in range(100)],
    )
    data = client.get_run(run).data
    assert data.metrics == {f"m{index}": float(index) for index in range(50)}
    assert data.params == {f"p{index}": str(index) for index in range(100)}
    assert {key: data.tags[key] for key in data.tags if not key.startswith("mlflow.")} == {
        f"t{index}": str(index) for index in range(100)
    }


def test_an_empty_batch_is_fine(client, run):
    client.log_batch(run)


def test_a_batch_that_is_refused_leaves_nothing(client, run):
    client.log_param(run, "fixed", "1")
    with refused("INVALID_PARAMETER_VALUE"):
        client.log_batch(run, metrics=[Metric("m", 1, 1, 0)], params=[Param("fixed", "2"), Param("new", "3")])
    assert client.get_run(run).data.params == {"fixed": "1"}


def test_fluent_calls_split_what_is_larger_than_a_batch(client, experiment):
    with mlflow.start_run() as active:
        mlflow.log_params({f"p{index}": index for index in range(250)})
        mlflow.set_tags({f"t{index}": index for index in range(250)})
        mlflow.log_metrics({f"m{index}": index for index in range(1200)}, step=4)
    data = client.get_run(active.info.run_id).data
    assert len(data.params) == 250
    assert len([key for key in data.tags if not key.startswith("mlflow.")]) == 250
    assert len(data.metrics) == 1200


def test_a_long_history_comes_in_pages(client, run):
    for first in range(0, 3000, 1000):
        client.log_batch(run, metrics=[Metric("m", step, step, step) for step in range(first, first + 1000)])
    assert values(client.get_metric_history(run, "m")) == [(step, float(step)) for step in range(3000)]


def test_asynchronous_logging_arrives(client, experiment):
    with mlflow.start_run() as active:
        for step in range(40):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1, "b": 2}, synchronous=False)
    mlflow.flush_async_logging()
    assert len(client.get_metric_history(active.info.run_id, "m")) == 40
    assert client.get_run(active.info.run_id).data.params == {"a": "1", "b": "2"}


def test_many_threads_log_to_one_run(client, run):
    def log(worker):
        for step in range(10):
            client.log_metric(run, f"m{worker}", step, step=step)
            client.log_param(run, f"p{worker}-{step}", step)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(8)))
    data = client.get_run(run).data
    assert data.metrics == {f"m{worker}": 9.0 for worker in range(8)}
    assert len(data.params) == 80


def test_tags_are_overwritten_and_deleted(client, run):
    client.set_tag(run, "state", "new")
    client.set_tag(run, "state", "done")
    client.set_tag(run, "text", "línea\n\"quoted\" 'single' 💡")
    assert client.get_run(run).data.tags["state"] == "done"
    assert client.get_run(run).data.tags["text"] == "línea\n\"quoted\" 'single' 💡"
    client.delete_tag(run, "state")
    assert "state" not in client.get_run(run).data.tags


def test_datasets_are_inputs_of_a_run(client, experiment):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 0.25, 0.125]})
    with mlflow.start_run() as active:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="frame", source="https://example.com/data.csv"), context="training")
        mlflow.log_input(mlflow.data.from_numpy(np.arange(12).reshape(3, 4), name="array"), context="test", tags={"k": "v"})
        mlflow.log_input(mlflow.data.from_pandas(frame, name="frame", source="https://example.com/data.csv"), context="training")
    inputs = client.get_run(active.info.run_id).inputs.dataset_inputs
    found = {item.dataset.name: item for item in inputs}
    assert len(inputs) == 2
    assert set(found) == {"frame", "array"}
    assert {tag.key: tag.value for tag in found["frame"].tags} == {"mlflow.data.context": "training"}
    assert {tag.key: tag.value for tag in found["array"].tags} == {"mlflow.data.context": "test", "k": "v"}
    assert found["frame"].dataset.digest
    assert json.loads(found["frame"].dataset.schema)["mlflow_colspec"][0]["name"] == "a"
    assert json.loads(found["frame"].dataset.profile)["num_rows"] == 3
    assert "example.com" in found["frame"].dataset.source
    filter_string = "datasets.name = 'frame' AND datasets.context = 'training'"
    assert [found.info.run_id for found in client.search_runs([experiment], filter_string)] == [active.info.run_id]


def test_datasets_are_in_the_reply_of_a_search(client, experiment):
    with mlflow.start_run():
        mlflow.log_input(mlflow.data.from_numpy(np.arange(4), name="searched"))
    [run] = client.search_runs([experiment])
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["searched"]


# Artifacts


def test_files_and_folders_go_up_and_come_down(client, run, tmp_path):
    folder = tmp_path / "up" / "deep" / "er"
    folder.mkdir(parents=True)
    (tmp_path / "up" / "a.txt").write_text("first")
    (folder / "b.bin").write_bytes(bytes(range(256)))
    (folder / "empty").write_bytes(b"")
    client.log_artifacts(run, str(tmp_path / "up"), "stored")
    client.log_artifact(run, str(tmp_path / "up" / "a.txt"))
    listed = {item.path: (item.is_dir, item.file_size) for item in client.list_artifacts(run)}
    assert listed["a.txt"] == (False, 5)
    assert listed["stored"][0] is True
    assert {item.path for item in client.list_artifacts(run, "stored")} == {"stored/a.txt", "stored/deep"}
    # The reference server leaves the size of an empty file out.
    assert {item.path: item.file_size or 0 for item in client.list_artifacts(run, "stored/deep/er")} == {
        "stored/deep/er/b.bin": 256,
        "stored/deep/er/empty": 0,
    }
    down = Path(client.download_artifacts(run, "stored", str(tmp_path)))
    assert (down / "deep" / "er" / "b.bin").read_bytes() == bytes(range(256))
    assert (down / "deep" / "er" / "empty").read_bytes() == b""
    one = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="a.txt", dst_path=str(tmp_path / "one"))
    assert Path(one).read_text() == "first"


def test_artifacts_are_listed_in_the_order_of_their_paths(client, run):
    for name in ["b.txt", "a.txt", "c/d.txt", "B.txt"]:
        client.log_text(run, "x", name)
    paths = [item.path for item in client.list_artifacts(run)]
    assert paths == sorted(paths)


def test_a_run_without_artifacts_lists_nothing(client, run):
    assert client.list_artifacts(run) == []
    assert client.list_artifacts(run, "nowhere") == []


def test_a_file_has_nothing_below_it(client, run):
    client.log_text(run, "x", "a/file.txt")
    assert client.list_artifacts(run, "a/file.txt") == []


def test_text_dictionaries_tables_images_and_figures(client, experiment):
    with mlflow.start_run() as active:
        run = active.info.run_id
        mlflow.log_text("héllo", "notes/one.txt")
        mlflow.log_dict({"a": [1, None], "b": {"c": True}}, "data.json")
        mlflow.log_dict({"a": 1}, "data.yaml")
        mlflow.log_image(np.full((4, 5, 3), 127, dtype=np.uint8), "pixels.png")
        mlflow.log_table({"q": ["x", "y"], "n": [1, 2]}, "table.json")
        mlflow.log_table({"q": ["z"], "n": [3]}, "table.json")
    assert mlflow.artifacts.load_text(f"runs:/{run}/notes/one.txt") == "héllo"
    assert mlflow.artifacts.load_dict(f"runs:/{run}/data.json") == {"a": [1, None], "b": {"c": True}}
    assert mlflow.artifacts.load_image(f"runs:/{run}/pixels.png").size == (5, 4)
    assert list(mlflow.load_table("table.json", run_ids=[run])["n"]) == [1, 2, 3]
    assert "table.json" in client.get_run(run).data.tags["mlflow.loggedArtifacts"]


def test_a_name_may_look_as_if_it_were_encoded(client, run, tmp_path):
    # As log_image of MLflow 2 names the images of a step: KEY%step%STEP%timestamp%TIME%UUID. Clients decode what they
    # list, control characters apart, so that some bytes of the UUID would come back as others from any server.
    names = [
        "k%step%0%timestamp%1795869345098%v3a76179-51ff-4f5a-a03c-7918293c748d.png",
        "k%step%10%timestamp%1795869345098%je5eec20-e476-4dfe-9132-5e5ab44a689a%compressed.webp",
    ]
    for name in names:
        client.log_text(run, name, f"images/{name}")
    assert [each.path for each in client.list_artifacts(run, "images")] == [f"images/{name}" for name in sorted(names)]
    found = Path(client.download_artifacts(run, "images", str(tmp_path)))
    assert {each.name: each.read_text() for each in found.iterdir()} == {name: name for name in names}


def test_names_of_artifacts_may_need_escaping(client, run, tmp_path):
    # No question mark: clients put it into the URL as it is.
    for name in ["with space.txt", "100%.txt", "plus+and&amp.txt", "ünï-日本.txt", "semi;colon,=.txt"]:
        client.log_text(run, name, f"odd names/{name}")
    listed = [item.path.removeprefix("odd names/") for item in client.list_artifacts(run, "odd names")]
    for name in listed:
        path = client.download_artifacts(run, f"odd names/{name}", str(tmp_path))
        assert Path(path).read_text(encoding="utf-8") == name
    assert {"with space.txt", "plus+and&amp.txt", "ünï-日本.txt"} <= set(listed)


def test_an_artifact_is_overwritten(client, run, tmp_path):
    client.log_text(run, "a longer first text", "a.txt")
    client.log_text(run, "second", "a.txt")
    assert Path(client.download_artifacts(run, "a.txt", str(tmp_path))).read_text() == "second"
    assert [item.file_size for item in client.list_artifacts(run)] == [6]


def test_artifacts_of_twenty_megabytes(client, run, tmp_path):
    content = np.random.default_rng(1).bytes(20 * MIB)
    (tmp_path / "large.bin").write_bytes(content)
    client.log_artifact(run, str(tmp_path / "large.bin"), "big")
    assert [item.file_size for item in client.list_artifacts(run, "big")] == [20 * MIB]
    (tmp_path / "down").mkdir()
    down = client.download_artifacts(run, "big/large.bin", str(tmp_path / "down"))
    assert Path(down).read_bytes() == content


def test_artifacts_are_deleted(client, run):
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client.log_text(run, "x", "keep/a.txt")
    client.log_text(run, "x", "drop/b.txt")
    client.log_text(run, "x", "drop/c/d.txt")
    repository = get_artifact_repository(client.get_run(run).info.artifact_uri)
    repository.delete_artifacts("drop/b.txt")
    assert [item.path for item in client.list_artifacts(run, "drop")] == ["drop/c"]
    repository.delete_artifacts("drop")
    assert [item.path for item in client.list_artifacts(run)] == ["keep"]


def test_many_files_go_up_at_once(client, run, tmp_path):
    for index in range(60):
        (tmp_path / f"{index:02}.txt").write_text(str(index))
    client.log_artifacts(run, str(tmp_path), "many")
    assert [item.path for item in client.list_artifacts(run, "many")] == [f"many/{index:02}.txt" for index in range(60)]
