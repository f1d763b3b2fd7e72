"""Answers images with a .pt2 program and torch alone: python torch_export.py FILE IMAGES.npy LOGITS.npy"""

import sys

import numpy as np
import torch

program = torch.export.load(sys.argv[1]).module()
images = torch.from_numpy(np.load(sys.argv[2]))
with torch.no_grad():
    logits = program(images)
np.save(sys.argv[3], logits.float().numpy())
