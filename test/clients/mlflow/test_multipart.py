"""Large files: the client sends them in parts, and reads them back, as it does by itself from some size on."""

import hashlib
import os
import random
from importlib.util import find_spec

import mlflow
import pytest
import requests

CHUNK = 5 * 1024 * 1024
SIZE = 2 * CHUNK + 12_345

# Older clients don't ask the server, and send files in parts only when they are told to.
ASKS_THE_SERVER = find_spec("mlflow.utils.server_info") is not None


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "weights ü.bin"
    path.write_bytes(random.Random(7).randbytes(SIZE))
    return path


@pytest.fixture
def in_parts(monkeypatch):
    """Lowers the size from which on files go in parts; the client looks at these at each upload."""
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(CHUNK))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(CHUNK))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", str(CHUNK))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(CHUNK))
    if not ASKS_THE_SERVER:
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")


@pytest.fixture
def requested(monkeypatch):
    """The method and path of every request that the client sends."""
    sent = []
    send = requests.Session.send

    def recording(self, request, **kwargs):
        sent.append(f"{request.method} {request.path_url}")
        return send(self, request, **kwargs)

    monkeypatch.setattr(requests.Session, "send", recording)
    return sent


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_large_file_goes_in_parts_and_comes_back_equal(client, run, large_file, in_parts, requested, tmp_path):
    client.log_artifact(run, str(large_file), "model")
    puts = [line for line in requested if line.startswith("PUT")]
    assert len(puts) == 3
    assert all("/mpu/parts/" in line or "partNumber=" in line for line in puts)
    [listed] = client.list_artifacts(run, "model")
    assert (listed.path, listed.file_size) == (f"model/{large_file.name}", SIZE)
    loaded = client.download_artifacts(run, f"model/{large_file.name}", str(tmp_path))
    assert digest(type(large_file)(loaded)) == digest(large_file)


def test_a_folder_of_large_and_small_files(client, run, large_file, in_parts, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "small.txt").write_text("small")
    os.link(large_file, folder / "deep" / "large.bin")
    client.log_artifacts(run, str(folder), "data")
    loaded = type(folder)(client.download_artifacts(run, "data", str(tmp_path)))
    assert (loaded / "small.txt").read_text() == "small"
    assert digest(loaded / "deep" / "large.bin") == digest(large_file)


def test_a_part_that_fails_leaves_no_file(client, run, large_file, in_parts, monkeypatch):
    put = requests.put

    def breaking(url, **kwargs):
        if url.endswith("/2") or "partNumber=2" in url:
            raise requests.ConnectionError("the connection broke")
        return put(url, **kwargs)

    monkeypatch.setattr(requests, "put", breaking)
    with pytest.raises(mlflow.MlflowException, match="Failed to upload at least one part"):
        client.log_artifact(run, str(large_file))
    assert client.list_artifacts(run) == []
    monkeypatch.undo()
    client.log_artifact(run, str(large_file))
    assert [each.file_size for each in client.list_artifacts(run)] == [SIZE]


def test_a_client_that_asks_for_presigned_downloads_gets_the_file(client, run, large_file, in_parts, monkeypatch, tmp_path):
    client.log_artifact(run, str(large_file))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    loaded = client.download_artifacts(run, large_file.name, str(tmp_path))
    assert digest(type(large_file)(loaded)) == digest(large_file)
