"""Searches of runs, experiments, registered models and versions: filters, orders and pages."""

import math

import mlflow
import pytest
from expectations import refused
from mlflow.entities import Metric, Param, RunTag, ViewType


@pytest.fixture(scope="module")
def runs(client):
    """An experiment with five runs, and the ids of the runs by their number.

    number  accuracy  loss  depth  kind    status    odd
    0       0.1       NaN   1      linear  FINISHED
    1       0.3       5     2      tree    FAILED    back`tick
    2       0.5             3      Tree    FINISHED
    3       0.7       -1    4      forest  KILLED
    4       0.9       inf   5              RUNNING
    """
    import uuid

    experiment = client.create_experiment(f"search {uuid.uuid4().hex}")
    losses = [math.nan, 5.0, None, -1.0, math.inf]
    kinds = ["linear", "tree", "Tree", "forest", None]
    statuses = ["FINISHED", "FAILED", "FINISHED", "KILLED", None]
    ids = []
    for number in range(5):
        run = client.create_run(experiment, start_time=1000 + number, run_name=f"run {number}", tags={"parity": str(number % 2)})
        metrics = [Metric("accuracy", 0.1 + number * 0.2, 1, 0), Metric("space d", number, 1, 0)]
        metrics += [] if losses[number] is None else [Metric("loss", losses[number], 1, 0)]
        params = [Param("depth", str(number + 1)), Param("a-b.c", f"p{number}")]
        tags = [] if kinds[number] is None else [RunTag("kind", kinds[number])]
        client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=tags)
        if statuses[number] is not None:
            client.set_terminated(run.info.run_id, statuses[number], end_time=5000 - number)
        ids.append(run.info.run_id)
    return experiment, ids


def numbers_of(client, runs, filter_string="", **options):
    experiment, ids = runs
    return [ids.index(run.info.run_id) for run in client.search_runs([experiment], filter_string, **options)]


@pytest.mark.parametrize(
    ("filter_string", "expected"),
    [
        ("", {0, 1, 2, 3, 4}),
        ("metrics.accuracy > 0.5", {3, 4}),
        ("metrics.accuracy >= 0.5", {2, 3, 4}),
        ("metrics.accuracy < 0.3", {0}),
        ("metrics.accuracy <= 0.1", {0}),
        ("metrics.accuracy = 0.1", {0}),
        ("metrics.accuracy != 0.1", {1, 2, 3, 4}),
        ("metric.accuracy > .85", {4}),
        ("metrics.loss < 0", {3}),
        ("metrics.loss > -2", {1, 3, 4}),
        ("metrics.loss >= 1e300", {4}),
        ("metrics.`space d` = 3", {3}),
        ('metrics."space d" = 3', {3}),
        ("metrics.nobody > 0", set()),
        ("params.depth = '3'", {2}),
        ('params.depth = "3"', {2}),
        ("parameter.depth != '3'", {0, 1, 3, 4}),
        ("params.`a-b.c` = 'p4'", {4}),
        ("params.depth LIKE '%'", {0, 1, 2, 3, 4}),
        ("params.`a-b.c` LIKE 'p_'", {0, 1, 2, 3, 4}),
        ("tags.kind = 'tree'", {1}),
        ("tags.kind != 'tree'", {0, 2, 3}),
        ("tag.kind LIKE '%ee'", {1, 2}),
        ("tags.kind LIKE 'T%'", {2}),
        ("tags.kind ILIKE 't%'", {1, 2}),
        ("tags.kind like '%r%'", {0, 1, 2, 3}),
        ("tags.`mlflow.runName` = 'run 2'", {2}),
        ("attributes.status = 'FINISHED'", {0, 2}),
        ("attributes.status != 'FINISHED'", {1, 3, 4}),
        ("status = 'RUNNING'", {4}),
        ("attr.run_name = 'run 1'", {1}),
        ("run_name LIKE 'run%'", {0, 1, 2, 3, 4}),
        ("run_name ILIKE 'RUN 3'", {3}),
        ("attributes.start_time > 1002", {3, 4}),
        ("start_time = 1001", {1}),
        ("attributes.end_time <= 4998", {2, 3}),
        ("attributes.artifact_uri LIKE '%artifacts'", {0, 1, 2, 3, 4}),
        ("metrics.accuracy > 0.2 AND metrics.accuracy < 0.8", {1, 2, 3}),
        ("metrics.accuracy > 0.2 and params.depth = '3' and tags.kind = 'Tree'", {2}),
        ("tags.parity = '1' AND status = 'KILLED'", {3}),
        ("  tags.parity   =   '1'  ", {1, 3}),
    ],
)
def test_runs_are_filtered(client, runs, filter_string, expected):
    found = numbers_of(client, runs, filter_string)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_runs_are_filtered_by_their_ids(client, runs):
    _, ids = runs
    assert numbers_of(client, runs, f"attributes.run_id = '{ids[2]}'") == [2]
    assert set(numbers_of(client, runs, f"attributes.run_id IN ('{ids[0]}', '{ids[3]}')")) == {0, 3}
    assert set(numbers_of(client, runs, f"attributes.run_id NOT IN ('{ids[0]}', '{ids[3]}')")) == {1, 2, 4}


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, [4, 3, 2, 1, 0]),
        (["metrics.accuracy ASC"], [0, 1, 2, 3, 4]),
        (["metrics.accuracy DESC"], [4, 3, 2, 1, 0]),
        (["metrics.accuracy"], [0, 1, 2, 3, 4]),
        # Runs whose loss is NaN come after numbers, those without a loss at the very end.
        (["metrics.loss ASC"], [3, 1, 4, 0, 2]),
        (["metrics.loss DESC"], [4, 1, 3, 0, 2]),
        (["metrics.`space d` DESC"], [4, 3, 2, 1, 0]),
        (["params.depth ASC"], [0, 1, 2, 3, 4]),
        (["tags.kind ASC"], [2, 3, 0, 1, 4]),
        (["tags.kind DESC"], [1, 0, 3, 2, 4]),
        (["attributes.start_time ASC"], [0, 1, 2, 3, 4]),
        (["attributes.status ASC", "attributes.start_time ASC"], [1, 0, 2, 3, 4]),
        (["tags.parity DESC", "metrics.accuracy DESC"], [3, 1, 4, 2, 0]),
        (["attribute.run_name DESC"], [4, 3, 2, 1, 0]),
        (["start_time ASC"], [0, 1, 2, 3, 4]),
        (["end_time ASC"], [3, 2, 1, 0, 4]),
        # Where an order leaves runs equal, the newest come first.
        (["tags.parity ASC"], [4, 2, 0, 3, 1]),
    ],
)
def test_runs_are_ordered(client, runs, order_by, expected):
    assert numbers_of(client, runs, order_by=order_by) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("order_by", [None, ["metrics.loss DESC"], ["tags.kind ASC"]])
def test_pages_hold_every_run_once(client, runs, size, order_by):
    experiment, ids = runs
    found, token = [], None
    for _ in range(10):
        page = client.search_runs([experiment], max_results=size, page_token=token, order_by=order_by)
        assert len(page) <= size
        found += [ids.index(run.info.run_id) for run in page]
        token = page.token
        if not token:
            break
    assert found == numbers_of(client, runs, order_by=order_by)


def test_runs_of_several_experiments_are_found_together(client, runs, experiment):
    run = client.create_run(experiment, tags={"parity": "1"}).info.run_id
    found = {item.info.run_id for item in client.search_runs([runs[0], experiment], "tags.parity = '1'")}
    assert found == {runs[1][1], runs[1][3], run}


def test_a_search_of_no_experiments_finds_nothing(client):
    assert client.search_runs([]) == []


def test_search_gives_whole_runs(client, runs):
    [run] = client.search_runs([runs[0]], "run_name = 'run 1'")
    assert run.data.metrics == {"accuracy": 0.1 + 0.2, "loss": 5.0, "space d": 1.0}
    assert run.data.params == {"depth": "2", "a-b.c": "p1"}
    assert run.data.tags["kind"] == "tree"


def test_search_gives_a_data_frame(runs):
    frame = mlflow.search_runs([runs[0]], order_by=["metrics.accuracy ASC"])
    assert list(frame["params.depth"]) == ["1", "2", "3", "4", "5"]
    assert list(frame["run_id"]) == runs[1]
    assert frame["metrics.accuracy"].max() == pytest.approx(0.9)


@pytest.mark.parametrize(
    "filter_string",
    [
        "metrics.accuracy",
        "metrics.accuracy >",
        "metrics.accuracy > 'text'",
        "metrics.accuracy LIKE '1'",
        "params.depth > '1'",
        "params.depth = 3",
        "tags.kind = unquoted",
        "nobody.key = '1'",
        "attributes.nobody = '1'",
        "attributes.status IN ('RUNNING')",
        "metrics.accuracy > 1; DROP TABLE runs",
        "tags.kind = 'open",
        "= 1",
        "start_time > 'yesterday'",
    ],
)
def test_a_filter_that_is_wrong_is_refused(client, runs, filter_string):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([runs[0]], filter_string)


@pytest.mark.parametrize(
    "order_by", ["metrics.accuracy UP", "nobody.key ASC", "attributes.nobody", "metrics.accuracy ASC DESC", "start_time; DROP TABLE runs"]
)
def test_an_order_that_is_wrong_is_refused(client, runs, order_by):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([runs[0]], order_by=[order_by])


# Experiments


@pytest.fixture(scope="module")
def experiments(client):
    """A prefix of names, and the ids of four experiments `<prefix>-{a,B,c,d}`; the last one is deleted."""
    import uuid

    prefix = f"e{uuid.uuid4().hex[:10]}"
    ids = [client.create_experiment(f"{prefix}-{name}", tags={"letter": name, "set": prefix}) for name in "aBcd"]
    client.delete_experiment(ids[3])
    return prefix, ids


@pytest.mark.parametrize(
    ("filter_string", "expected"),
    [
        ("name = '{}-a'", [0]),
        ("name != '{}-a' AND name LIKE '{}%'", [1, 2]),
        ("name LIKE '{}-%'", [0, 1, 2]),
        ("name ILIKE '{}-b'", [1]),
        ("name LIKE '{}-b'", []),
        ("attribute.name = '{}-c'", [2]),
        ("tags.letter = 'B' AND tags.`set` = '{}'", [1]),
        ("tags.`set` = '{}' AND tags.letter != 'B'", [0, 2]),
        ("tags.`set` ILIKE '{}' and tags.letter ILIKE 'b'", [1]),
        ("name LIKE '{}-%' AND creation_time > 0 AND last_update_time > 0", [0, 1, 2]),
        ("name LIKE '{}-%' AND creation_time < 5", []),
    ],
)
def test_experiments_are_filtered(client, experiments, filter_string, expected):
    prefix, ids = experiments
    found = client.search_experiments(filter_string=filter_string.replace("{}", prefix))
    assert sorted(ids.index(item.experiment_id) for item in found) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["name ASC"], [1, 0, 2]),
        (["name DESC"], [2, 0, 1]),
        (["experiment_id ASC"], [0, 1, 2]),
        (["creation_time ASC", "experiment_id ASC"], [0, 1, 2]),
        (["last_update_time DESC", "experiment_id DESC"], [2, 1, 0]),
        (None, [2, 1, 0]),
    ],
)
def test_experiments_are_ordered(client, experiments, order_by, expected):
    prefix, ids = experiments
    found = client.search_experiments(filter_string=f"name LIKE '{prefix}-%'", order_by=order_by)
    assert [ids.index(item.experiment_id) for item in found] == expected


def test_experiments_are_seen_by_their_state(client, experiments):
    prefix, ids = experiments
    for view, expected in [(ViewType.ACTIVE_ONLY, ids[:3]), (ViewType.DELETED_ONLY, ids[3:]), (ViewType.ALL, ids)]:
        found = client.search_experiments(view_type=view, filter_string=f"name LIKE '{prefix}-%'")
        assert {item.experiment_id for item in found} == set(expected)


def test_experiments_come_in_pages(client, experiments):
    prefix, ids = experiments
    options = {"filter_string": f"name LIKE '{prefix}-%'", "order_by": ["experiment_id ASC"], "max_results": 2}
    first = client.search_experiments(**options)
    second = client.search_experiments(**options, page_token=first.token)
    assert [item.experiment_id for item in [*first, *second]] == ids[:3]
    assert len(first) == 2 and first.token and not second.token


@pytest.mark.parametrize("filter_string", ["nobody = '1'", "name > '1'", "name = 1", "creation_time LIKE '1'"])
def test_a_filter_of_experiments_that_is_wrong_is_refused(client, filter_string):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_experiments(filter_string=filter_string)


# Registered models and versions


@pytest.fixture(scope="module")
def models(client):
    """A prefix, and the names of three registered models `<prefix>-{a,B,c}` with 0, 1 and 2 versions."""
    import uuid

    prefix = f"m{uuid.uuid4().hex[:10]}"
    experiment = client.create_experiment(f"{prefix}-experiment")
    names = [f"{prefix}-{letter}" for letter in "aBc"]
    made = []
    for count, name in enumerate(names):
        client.create_registered_model(name, tags={"letter": name[-1]})
        for _ in range(count):
            run = client.create_run(experiment)
            source = f"{run.info.artifact_uri}/model"
            version = client.create_model_version(name, source, run.info.run_id, tags={"of": name[-1]})
            made.append((version, run.info.run_id, source))
    return prefix, names, made


@pytest.mark.parametrize(
    ("filter_string", "expected"),
    [
        ("name = '{}-a'", [0]),
        ("name LIKE '{}-%'", [0, 1, 2]),
        ("name ILIKE '{}-b'", [1]),
        ("name LIKE '{}-b'", []),
        ("name LIKE '{}-%' AND tags.letter = 'c'", [2]),
        ("name LIKE '{}-%' AND tags.letter != 'c'", [0, 1]),
        ("name LIKE '{}-%' AND name != '{}-a'", [1, 2]),
        ("name LIKE '{}-%' AND tags.letter ILIKE 'b'", [1]),
    ],
)
def test_models_are_filtered(client, models, filter_string, expected):
    prefix, names, _ = models
    found = client.search_registered_models(filter_string.replace("{}", prefix))
    assert sorted(names.index(item.name) for item in found) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, [1, 0, 2]),
        (["name ASC"], [1, 0, 2]),
        (["name DESC"], [2, 0, 1]),
        (["last_updated_timestamp ASC", "name ASC"], [0, 1, 2]),
        (["timestamp DESC"], [2, 1, 0]),
    ],
)
def test_models_are_ordered(client, models, order_by, expected):
    prefix, names, _ = models
    found = client.search_registered_models(f"name LIKE '{prefix}-%'", order_by=order_by)
    assert [names.index(item.name) for item in found] == expected


def test_models_come_in_pages(client, models):
    prefix, names, _ = models
    first = client.search_registered_models(f"name LIKE '{prefix}-%'", max_results=2, order_by=["name DESC"])
    second = client.search_registered_models(
        f"name LIKE '{prefix}-%'", max_results=2, order_by=["name DESC"], page_token=first.token
    )
    assert [names.index(item.name) for item in [*first, *second]] == [2, 0, 1]
    assert not second.token


def test_found_models_hold_their_latest_versions(client, models):
    prefix, names, _ = models
    [found] = client.search_registered_models(f"name = '{names[2]}'")
    assert [str(version.version) for version in found.latest_versions] == ["2"]
    assert found.tags == {"letter": "c"}


def test_versions_are_filtered(client, models):
    prefix, names, made = models

    def found(filter_string):
        return sorted((item.name[-1], int(item.version)) for item in client.search_model_versions(filter_string))

    assert found(f"name = '{names[2]}'") == [("c", 1), ("c", 2)]
    assert found(f"name LIKE '{prefix}-%'") == [("B", 1), ("c", 1), ("c", 2)]
    assert found(f"name ILIKE '{prefix}-C' AND version_number > 1") == [("c", 2)]
    assert found(f"name LIKE '{prefix}-%' AND version_number = 1") == [("B", 1), ("c", 1)]
    assert found(f"name LIKE '{prefix}-%' AND tags.of = 'c'") == [("c", 1), ("c", 2)]
    assert found(f"run_id = '{made[1][1]}'") == [("c", 1)]
    assert found(f"run_id IN ('{made[0][1]}', '{made[2][1]}')") == [("B", 1), ("c", 2)]
    assert found(f"source_path = '{made[0][2]}'") == [("B", 1)]
    assert found(f"name = '{prefix}'") == []


def test_versions_are_ordered_and_paged(client, models):
    prefix, _, _ = models
    options = {"order_by": ["version_number DESC", "name ASC"], "max_results": 2}
    first = client.search_model_versions(f"name LIKE '{prefix}-%'", **options)
    second = client.search_model_versions(f"name LIKE '{prefix}-%'", **options, page_token=first.token)
    assert [(item.name[-1], int(item.version)) for item in [*first, *second]] == [("c", 2), ("B", 1), ("c", 1)]
    assert first.token and not second.token


@pytest.mark.parametrize("filter_string", ["nobody = '1'", "name > '1'", "name = 1"])
def test_a_filter_of_the_registry_that_is_wrong_is_refused(client, filter_string):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(filter_string)
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_model_versions(filter_string)


def test_models_are_not_ordered_by_what_they_lack(client):
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(order_by=["nobody ASC"])
