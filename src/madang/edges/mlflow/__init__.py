"""MLflow's REST API for the unmodified client: decode, one service call, encode. What it answers: docs/mlflow.md."""
