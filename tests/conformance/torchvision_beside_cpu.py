"""Makes `import torchvision` work where torch is the CPU's: the wheel that pip finds was built for CUDA's, so its operators do not load, and the import fails
at two that it wants to describe. Networks and transforms need none of them. Import this module before torchvision, timm or transformers."""
import importlib.util

if importlib.util.find_spec("torchvision"):
    import torch

    if torch.version.cuda is None:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
