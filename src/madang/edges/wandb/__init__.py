"""The API of W&B for its unmodified client: decode, one service call, encode. What it answers: docs/wandb.md."""
