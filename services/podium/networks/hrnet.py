"""HRNet for poses: parallel branches at four resolutions that are fused repeatedly.

Source: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation",
2019. Tensors are named as in the official checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn

from podium.networks.resnet import BasicBlock, Bottleneck, bottlenecks, conv_bn


class HRNet(nn.Module):
    """Normalised RGB (B, 3, H, W) -> heat maps (B, J, H/4, W/4). H and W are multiples of 32.

    Args:
        width: Channels of the finest branch; 32 or 48. Every coarser branch has twice as many.
        joints: J, the number of joints.
        stem: Channels of the stem; 64 in the paper.
        modules: Modules of stages 2, 3 and 4, which have 2, 3 and 4 branches.
        blocks: Residual blocks per branch of a module, and of stage 1.
    """

    def __init__(
        self,
        width: int,
        joints: int = 17,
        *,
        stem: int = 64,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU()
        self.layer1 = bottlenecks(stem, stem, blocks)
        widths = [width << branch for branch in range(4)]
        self.transition1 = _transition([stem * Bottleneck.EXPANSION], widths[:2])
        self.stage2 = _stage(widths[:2], modules[0], blocks)
        self.transition2 = _transition(widths[:2], widths[:3])
        self.stage3 = _stage(widths[:3], modules[1], blocks)
        self.transition3 = _transition(widths[:3], widths)
        self.stage4 = _stage(widths, modules[2], blocks, last_fuses_to=1)
        self.final_layer = nn.Conv2d(width, joints, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        branches = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            # New branches of a transition start from the coarsest existing branch.
            coarsest = len(branches) - 1
            branches = [
                step(branches[min(branch, coarsest)]) for branch, step in enumerate(transition)
            ]
            branches = stage(branches)
        heatmaps: Tensor = self.final_layer(branches[0])
        return heatmaps


class HRModule(nn.Module):
    """Residual blocks on every branch; then each output branch is the sum over all branches.

    Args:
        widths: Channels of the branches, finest first.
        blocks: Residual blocks per branch.
        fuses_to: Number of output branches, finest first.
    """

    def __init__(self, widths: list[int], blocks: int, fuses_to: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fuse(widths, source, target) for source in range(len(widths)))
            for target in range(fuses_to)
        )
        self.relu = nn.ReLU()

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        branches = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        outputs = []
        for layers in self.fuse_layers:
            assert isinstance(layers, nn.ModuleList)  # noqa: S101 - as made above
            first, *rest = (layer(x) for layer, x in zip(layers, branches, strict=True))
            outputs.append(self.relu(sum(rest, start=first)))
        return outputs


def _fuse(widths: list[int], source: int, target: int) -> nn.Module:
    """Convert a branch to the channels and resolution of another."""
    if source == target:
        return nn.Identity()
    if source > target:  # from coarser: fewer channels, then upsample
        up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(*conv_bn(widths[source], widths[target], 1), up)
    halvings = target - source  # from finer: halve repeatedly; the last step changes the channels
    return nn.Sequential(
        *(conv_bn(widths[source], widths[source], 3, 2, relu=True) for _ in range(halvings - 1)),
        conv_bn(widths[source], widths[target], 3, 2),
    )


def _transition(before: list[int], after: list[int]) -> nn.ModuleList:
    """Change the channels of branches if they differ, and add coarser branches."""
    steps: list[nn.Module] = []
    for branch, width in enumerate(after):
        if branch >= len(before):
            steps.append(nn.Sequential(conv_bn(before[-1], width, 3, 2, relu=True)))
        elif before[branch] != width:
            steps.append(conv_bn(before[branch], width, 3, relu=True))
        else:
            steps.append(nn.Identity())
    return nn.ModuleList(steps)


def _stage(
    widths: list[int], modules: int, blocks: int, last_fuses_to: int | None = None
) -> nn.Sequential:
    """A chain of modules with the same branches; the last one may have fewer outputs."""
    fuses_to = [len(widths)] * (modules - 1) + [last_fuses_to or len(widths)]
    return nn.Sequential(*(HRModule(widths, blocks, count) for count in fuses_to))
