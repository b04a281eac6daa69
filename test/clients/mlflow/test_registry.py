"""Registered models, their versions, aliases, stages and tags; prompts, which live in the same registry."""

import time
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pytest
from expectations import VERSION, needs_prompts, refused
from mlflow.exceptions import MlflowException
from packaging.version import Version

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def model(client, unique):
    """The name of a registered model without versions."""
    return client.create_registered_model(unique("model")).name


@pytest.fixture
def source(client, experiment, run):
    """A run and a place in it, as versions are made from."""
    client.log_text(run, "weights", "model/weights.txt")
    return run, f"{client.get_run(run).info.artifact_uri}/model"


@pytest.fixture
def versions(client, model, source):
    """Makes so many versions of the model."""
    run, uri = source
    return lambda count: [str(client.create_model_version(model, uri, run).version) for _ in range(count)]


# Registered models


def test_a_model_is_made_and_read(client, unique):
    before = int(time.time() * 1000)
    name = unique("Modell für 日本")
    made = client.create_registered_model(name, tags={"team": "risk"}, description="first")
    got = client.get_registered_model(name)
    assert (made.name, got.name) == (name, name)
    assert got.description == "first"
    assert got.tags == {"team": "risk"}
    assert got.latest_versions == []
    assert got.aliases == {}
    assert before - 60_000 < got.creation_timestamp <= got.last_updated_timestamp


def test_a_description_is_changed(client, model):
    updated = client.update_registered_model(model, description="changed\nwith lines")
    assert updated.description == "changed\nwith lines"
    got = client.get_registered_model(model)
    assert got.description == "changed\nwith lines"
    assert got.last_updated_timestamp >= got.creation_timestamp


def test_a_rename_takes_versions_aliases_and_tags_along(client, model, versions, unique):
    versions(2)
    client.set_registered_model_alias(model, "champion", "2")
    client.set_registered_model_tag(model, "a", "1")
    client.set_model_version_tag(model, "1", "b", "2")
    name = unique("renamed")
    client.rename_registered_model(model, name)
    assert client.get_registered_model(name).aliases == {"champion": "2"}
    assert client.get_registered_model(name).tags == {"a": "1"}
    assert client.get_model_version(name, "1").tags == {"b": "2"}
    assert str(client.get_model_version_by_alias(name, "champion").version) == "2"
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(model)
    assert client.create_registered_model(model).name == model


def test_a_deleted_model_is_gone_with_its_versions_and_its_name_is_free(client, model, versions):
    versions(2)
    client.set_registered_model_alias(model, "champion", "1")
    client.delete_registered_model(model)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(model)
    assert client.search_model_versions(f"name = '{model}'") == []
    client.create_registered_model(model)
    assert client.get_registered_model(model).aliases == {}
    assert versions(1) == ["1"]


def test_tags_of_a_model_are_overwritten_and_deleted(client, model):
    client.set_registered_model_tag(model, "key", "one")
    client.set_registered_model_tag(model, "key", "two")
    client.set_registered_model_tag(model, "other", "")
    assert client.get_registered_model(model).tags == {"key": "two", "other": ""}
    client.delete_registered_model_tag(model, "key")
    client.delete_registered_model_tag(model, "never set")
    assert client.get_registered_model(model).tags == {"other": ""}


# Versions


def test_versions_are_counted_from_one(client, model, versions):
    assert versions(3) == ["1", "2", "3"]


def test_a_version_has_what_it_was_made_with(client, model, source):
    run, uri = source
    made = client.create_model_version(
        model, uri, run, tags={"k": "v"}, run_link="https://example.com/run", description="first"
    )
    got = client.get_model_version(model, made.version)
    assert (got.name, str(got.version), got.run_id, got.source) == (model, "1", run, uri)
    assert (got.status, got.current_stage, got.description) == ("READY", "None", "first")
    assert got.run_link == "https://example.com/run"
    assert got.tags == {"k": "v"}
    assert list(got.aliases) == []
    assert got.creation_timestamp <= got.last_updated_timestamp
    assert client.get_model_version_download_uri(model, "1") == uri


def test_a_version_changes_its_description_and_tags(client, model, versions):
    versions(1)
    assert client.update_model_version(model, "1", "about it").description == "about it"
    client.set_model_version_tag(model, "1", "key", "one")
    client.set_model_version_tag(model, "1", "key", "two")
    assert client.get_model_version(model, "1").tags == {"key": "two"}
    client.delete_model_version_tag(model, "1", "key")
    assert client.get_model_version(model, "1").tags == {}
    assert client.get_model_version(model, "1").description == "about it"


def test_a_deleted_version_is_gone_and_its_number_is_not_used_again(client, model, versions):
    versions(3)
    client.delete_model_version(model, "2")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(model, "2")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version_download_uri(model, "2")
    assert {str(found.version) for found in client.search_model_versions(f"name = '{model}'")} == {"1", "3"}
    client.delete_model_version(model, "3")
    assert versions(1) == ["4"]


def test_many_clients_make_versions_at_once(client, model, source):
    run, uri = source
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: int(client.create_model_version(model, uri, run).version), range(16)))
    assert sorted(made) == list(range(1, 17))


def test_the_latest_versions_are_one_per_stage(client, model, versions):
    versions(4)
    client.transition_model_version_stage(model, "1", "Production")
    client.transition_model_version_stage(model, "2", "Staging")
    client.transition_model_version_stage(model, "3", "Staging")
    found = {item.current_stage: str(item.version) for item in client.get_latest_versions(model)}
    assert found == {"Production": "1", "Staging": "3", "None": "4"}
    assert [str(item.version) for item in client.get_latest_versions(model, ["Staging"])] == ["3"]
    assert client.get_latest_versions(model, ["Archived"]) == []
    of_model = client.get_registered_model(model).latest_versions
    assert {item.current_stage: str(item.version) for item in of_model} == found


# Aliases


def test_an_alias_is_set_moved_and_deleted(client, model, versions):
    versions(2)
    client.set_registered_model_alias(model, "champion", "1")
    client.set_registered_model_alias(model, "blue", "1")
    assert str(client.get_model_version_by_alias(model, "champion").version) == "1"
    assert sorted(client.get_model_version(model, "1").aliases) == ["blue", "champion"]
    client.set_registered_model_alias(model, "champion", "2")
    assert client.get_registered_model(model).aliases == {"blue": "1", "champion": "2"}
    assert list(client.get_model_version(model, "1").aliases) == ["blue"]
    client.delete_registered_model_alias(model, "blue")
    client.delete_registered_model_alias(model, "never-set")
    assert client.get_registered_model(model).aliases == {"champion": "2"}


def test_an_alias_goes_with_its_version(client, model, versions):
    versions(2)
    client.set_registered_model_alias(model, "champion", "1")
    client.delete_model_version(model, "1")
    assert client.get_registered_model(model).aliases == {}
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias(model, "champion")


@pytest.mark.parametrize("alias", ["__proto__", "constructor", "with-dash_1"])
def test_any_word_may_be_an_alias(client, model, versions, alias):
    versions(1)
    client.set_registered_model_alias(model, alias, "1")
    assert str(client.get_model_version_by_alias(model, alias).version) == "1"
    assert client.get_registered_model(model).aliases == {alias: "1"}


# Stages


def test_stages_are_changed_in_any_case(client, model, versions):
    versions(1)
    for given, kept in [("staging", "Staging"), ("PRODUCTION", "Production"), ("Archived", "Archived"), ("none", "None")]:
        assert client.transition_model_version_stage(model, "1", given).current_stage == kept
        assert client.get_model_version(model, "1").current_stage == kept


def test_a_move_to_production_may_archive_what_was_there(client, model, versions):
    versions(3)
    client.transition_model_version_stage(model, "1", "Production")
    client.transition_model_version_stage(model, "2", "Production")
    assert client.get_model_version(model, "1").current_stage == "Production"
    client.transition_model_version_stage(model, "3", "Production", archive_existing_versions=True)
    assert [client.get_model_version(model, number).current_stage for number in "123"] == ["Archived", "Archived", "Production"]


# Copies


def test_a_version_is_copied_to_another_model(client, experiment, classifier, features, unique):
    name, target = unique("source"), unique("target")
    options = {"artifact_path": "m"} if VERSION < Version("3.0") else {"name": "m"}
    with mlflow.start_run() as active:
        mlflow.sklearn.log_model(classifier, registered_model_name=name, **options)
    client.update_model_version(name, "1", "the original")
    client.set_model_version_tag(name, "1", "k", "v")
    copied = client.copy_model_version(f"models:/{name}/1", target)
    assert (copied.name, str(copied.version)) == (target, "1")
    got = client.get_model_version(target, "1")
    assert (got.run_id, got.description) == (active.info.run_id, "the original")
    assert got.source == f"models:/{name}/1"
    again = client.copy_model_version(f"models:/{target}/1", target)
    assert str(again.version) == "2"
    assert client.get_model_version_download_uri(target, "2") == client.get_model_version_download_uri(name, "1")
    for number in "12":
        local = mlflow.artifacts.download_artifacts(f"models:/{target}/{number}")
        assert (mlflow.models.Model.load(local).flavors)["sklearn"]


# Prompts


@needs_prompts
def test_a_prompt_has_versions_aliases_and_tags(unique):
    name = unique("prompt")
    first = mlflow.genai.register_prompt(
        name=name, template="Summarise {{ text }}", commit_message="first", tags={"author": "a"}
    )
    second = mlflow.genai.register_prompt(name=name, template="Shorten {{ text }} to {{ words }} words")
    assert (int(first.version), int(second.version)) == (1, 2)
    assert mlflow.genai.load_prompt(name, version=1).template == "Summarise {{ text }}"
    assert mlflow.genai.load_prompt(f"prompts:/{name}/2").format(text="it", words="3") == "Shorten it to 3 words"
    mlflow.genai.set_prompt_alias(name, alias="production", version=1)
    assert int(mlflow.genai.load_prompt(f"prompts:/{name}@production").version) == 1
    mlflow.genai.set_prompt_alias(name, alias="production", version=2)
    assert int(mlflow.genai.load_prompt(f"prompts:/{name}@production").version) == 2
    mlflow.genai.delete_prompt_alias(name, alias="production")
    with pytest.raises(MlflowException):
        mlflow.genai.load_prompt(f"prompts:/{name}@production")
    loaded = mlflow.genai.load_prompt(name, version=1)
    assert loaded.commit_message == "first"
    assert loaded.tags["author"] == "a"


@needs_prompts
def test_prompts_and_models_are_listed_apart(client, model, unique):
    name = unique("prompt")
    mlflow.genai.register_prompt(name=name, template="Hello {{ name }}")
    models = {found.name for found in client.search_registered_models(max_results=1000)}
    assert model in models and name not in models
    assert [found.name for found in mlflow.genai.search_prompts(f"name = '{name}'")] == [name]
    assert mlflow.genai.search_prompts(f"name = '{model}'") == []


@needs_prompts
def test_a_prompt_can_not_take_the_name_of_a_model_nor_a_model_that_of_a_prompt(client, model, unique):
    name = unique("prompt")
    mlflow.genai.register_prompt(name=name, template="x")
    with pytest.raises(MlflowException, match="prompt"):
        client.create_registered_model(name)
    with pytest.raises(MlflowException):
        mlflow.genai.register_prompt(name=model, template="x")


@needs_prompts
def test_a_long_prompt_is_kept(unique):
    name, text = unique("prompt"), "word " * 8000
    mlflow.genai.register_prompt(name=name, template=text)
    assert mlflow.genai.load_prompt(name, version=1).template == text


@needs_prompts
def test_a_chat_prompt_is_kept(unique):
    name = unique("prompt")
    messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "{{ question }}"}]
    mlflow.genai.register_prompt(name=name, template=messages)
    assert mlflow.genai.load_prompt(name, version=1).template == messages
