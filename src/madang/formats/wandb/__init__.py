"""What clients of Weights & Biases write and read, as pure codecs; docs/wandb.md."""
