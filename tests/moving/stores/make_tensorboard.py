"""Makes the folder `runs` of `tensorboard-writers.tar.xz`: event files of PyTorch's and of TensorFlow's own writers.

Run it in an empty folder with torch 2.13, tensorflow 2.21, tensorboard 2.21 and matplotlib: `python
make_tensorboard.py; tar cJf … runs`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import torch
from tensorboard.plugins.hparams import api as plugin
from torch.utils.tensorboard import SummaryWriter

SINE = np.sin(np.arange(80) / 10).astype("float32")


def by_torch(writer: Any) -> None:
    """One thing of each kind that the writer has a method for."""
    for step in range(3):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.add_scalars("both", {"a": step, "b": 2 * step}, step)
        writer.add_histogram("weights", torch.arange(10.0), step)
    writer.add_image("image", torch.zeros(3, 2, 4), 1)
    writer.add_images("images", torch.zeros(2, 3, 2, 2), 1)
    writer.add_text("note", "**bold**", 1)
    writer.add_audio("sound", torch.tensor(SINE)[None], 1, 8000)
    writer.add_pr_curve("curve", np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.6, 0.3]), 1)
    writer.add_mesh("mesh", torch.zeros(1, 5, 3), global_step=1)
    writer.add_hparams({"lr": 0.1, "opt": "sgd"}, {"hp/acc": 0.9}, run_name="session")
    writer.add_graph(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    writer.close()


def by_tensorflow() -> None:
    """The newer API, the callback of Keras, and the older API."""
    writer = tf.summary.create_file_writer("runs/tensorflow")
    with writer.as_default():
        for step in range(3):
            tf.summary.scalar("loss", 1 / (step + 1), step=step)
            tf.summary.histogram("weights", tf.range(10.0), step=step)
        tf.summary.image("images", tf.zeros([2, 2, 2, 3]), step=1)
        tf.summary.text("note", "plain", step=1)
        tf.summary.audio("sound", SINE[None, :, None], 8000, step=1)
        plugin.hparams({"lr": 0.1, "opt": "adam"}, trial_id="t1")
    writer.close()
    data = np.ones((8, 2), "float32")
    model = tf.keras.Sequential([tf.keras.layers.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    shown = tf.keras.callbacks.TensorBoard("runs/keras", histogram_freq=1, write_graph=False)
    model.fit(data, data.sum(1), epochs=2, verbose=0, validation_split=0.5, callbacks=[shown])
    with tf.compat.v1.Graph().as_default():
        older = tf.compat.v1.summary.FileWriter("runs/older")
    told = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag="loss", simple_value=3.0)])
    older.add_summary(told, 4)
    older.close()


by_torch(SummaryWriter("runs/torch"))
by_tensorflow()
