"""What several suites say about the client: which version it has, and how a refusal looks."""

from contextlib import contextmanager

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from packaging.version import Version

VERSION = Version(mlflow.__version__)

needs_logged_models = pytest.mark.skipif(VERSION < Version("3.0"), reason="models of their own came with mlflow 3")
needs_prompts = pytest.mark.skipif(VERSION < Version("3.0"), reason="this form of the prompt registry came with mlflow 3")

needs_webhooks = pytest.mark.skipif(VERSION < Version("3.3"), reason="webhooks came with mlflow 3.3")


@contextmanager
def refused(error_code, *fragments):
    """Expects the server to refuse with this error code, in a message that holds every fragment."""
    with pytest.raises(MlflowException) as caught:
        yield caught
    assert caught.value.error_code == error_code, str(caught.value)
    for fragment in fragments:
        assert fragment in str(caught.value)
