"""Answers images with a .pt2 program and torch alone: python torch_export.py FILE IMAGES.npy LOGITS.npy"""

import sys

import numpy as np
import torch

program = torch.export.load(sys.argv[1])
images = torch.from_numpy(np.load(sys.argv[2]))
count = len(images)
*_, given = [node for node in program.graph.nodes if node.op == "placeholder"]
size = given.meta["val"].shape[0]
if isinstance(size, int):  # a program of so many images at a time
    images = torch.cat([images, images[-1:].expand(-count % size, *images.shape[1:])])
with torch.no_grad():
    batches = images.split(size if isinstance(size, int) else len(images))
    logits = torch.cat([program.module()(batch) for batch in batches])
np.save(sys.argv[3], logits[:count].float().numpy()[None])
