"""A training script as users write them: a PyTorch loop that logs every epoch, checkpoints and the final model."""

import sys
import tempfile
import uuid
from pathlib import Path

import mlflow
import numpy as np
import torch
from mlflow import MlflowClient
from mlflow.models import infer_signature

MAJOR = int(mlflow.__version__.split(".")[0])
MODEL = f"regressor-{uuid.uuid4().hex[:8]}"
torch.manual_seed(0)
x = torch.randn(256, 8)
y = x.sum(dim=1, keepdim=True).tanh()
network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

mlflow.set_experiment(f"train-pytorch-{uuid.uuid4().hex[:8]}")
with mlflow.start_run() as run:
    mlflow.log_params({"lr": 0.01, "hidden": 16, "epochs": 20})
    losses = []
    for epoch in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        mlflow.log_metric("loss", loss.item(), step=epoch)
        if epoch % 10 == 9:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"epoch-{epoch}.pt"
                torch.save(network.state_dict(), path)
                mlflow.log_artifact(str(path), "checkpoints")
    network.eval()
    expected = network(x).detach().numpy()
    options = {"name": "network", "serialization_format": "pickle"} if MAJOR >= 3 else {"artifact_path": "network"}
    mlflow.pytorch.log_model(network, registered_model_name=MODEL, signature=infer_signature(x.numpy(), expected), **options)

client = MlflowClient()
client.set_registered_model_alias(MODEL, "champion", "1")
loaded = mlflow.pytorch.load_model(f"models:/{MODEL}@champion")
checkpoint = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="checkpoints/epoch-19.pt")
restored = torch.load(checkpoint, weights_only=True)
outcomes = {
    "predictions": np.array_equal(loaded(x).detach().numpy(), expected),
    "pyfunc": np.allclose(mlflow.pyfunc.load_model(f"models:/{MODEL}/1").predict(x.numpy()), expected),
    "checkpoint": all(torch.equal(restored[key], value) for key, value in network.state_dict().items()),
    "losses": [point.value for point in client.get_metric_history(run.info.run_id, "loss")] == losses,
}
print(outcomes)
sys.exit(0 if all(outcomes.values()) else 1)
