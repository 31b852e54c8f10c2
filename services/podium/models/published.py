"""Networks whose weights their authors publish: addresses, hashes and manifests.

Origin of the hashes: OpenMMLab ends the names of its checkpoints with the first 8 digits of their
sha256 (``mmengine``'s convention). Megvii's releases and OpenMMLab's ONNX archives have none; for
these the table has the hash that at least two unrelated projects have recorded for the same file.
If there is no such hash either, the table has none, and ``podium models pull`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from podium.models.manifest import CropRule, InputSize, LetterboxRule, Manifest

_MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_MMPOSE = "https://download.openmmlab.com/mmpose/v1"
_RTMPOSE = f"{_MMPOSE}/projects/rtmposev1/onnx_sdk"
_HRNET = f"{_MMPOSE}/body_2d_keypoint/topdown_heatmap/coco"

_LETTERBOX = LetterboxRule(anchor="top_left", fill=114)
_PENDING = "0" * 64


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file on the authors' server.

    Args:
        url: Its address.
        sha256: Hash of the weights, all digits or the first ones; empty: not published.
        member: Name of the weights in the archive; None: the file itself is the weights.
    """

    url: str
    sha256: str = ""
    member: str | None = None

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Network:
    """The published files of one network.

    Args:
        name: Name in the repository.
        license: Licence of the weights.
        manifest: Manifest of ``onnx``, with a hash of zeros.
        onnx: Weights that can be served as they are.
        checkpoint: A checkpoint for torch, which ``podium models export`` converts.
        page: Web page with the weights, if no address can be downloaded.
        family: Name for ``podium models export``; empty: it cannot export the network.
    """

    name: str
    license: str
    manifest: Manifest | None = None
    onnx: PublishedFile | None = None
    checkpoint: PublishedFile | None = None
    page: str = ""
    family: str = ""


def _yolox(variant: str, size_px: int, sha256: str) -> Network:
    onnx = PublishedFile(f"{_MEGVII}/yolox_{variant}.onnx", sha256)
    manifest = Manifest(
        manifest_version=1,
        name=f"yolox-{variant}",
        version=1,
        family="yolox",
        tasks=("detection",),
        weights="model.onnx",
        sha256=_PENDING,
        input=InputSize(height=size_px, width=size_px, color="bgr", layout="nchw"),
        letterbox=_LETTERBOX,
        thresholds={"score": 0.3, "iou": 0.45},
        license="Apache-2.0",
        source=onnx.url,
    )
    checkpoint = PublishedFile(f"{_MEGVII}/yolox_{variant}.pth")
    return Network(
        manifest.name, manifest.license, manifest, onnx, checkpoint=checkpoint, family="yolox"
    )


def _rtmdet(variant: str, size_px: int, file: str, sha256: str) -> Network:
    onnx = PublishedFile(f"{_RTMPOSE}/{file}.zip", sha256, member="end2end.onnx")
    manifest = Manifest(
        manifest_version=1,
        name=f"rtmdet-{variant}",
        version=1,
        family="rtmdet",
        tasks=("detection",),
        weights="model.onnx",
        sha256=_PENDING,
        input=InputSize(
            height=size_px,
            width=size_px,
            color="bgr",
            layout="nchw",
            mean=(103.53, 116.28, 123.675),
            std=(57.375, 57.12, 58.395),
        ),
        letterbox=_LETTERBOX,
        thresholds={"score": 0.3},
        license="Apache-2.0",
        source=onnx.url,
    )
    return Network(manifest.name, manifest.license, manifest, onnx)


def _rtmpose(name: str, height_px: int, file: str, sha256: str) -> Network:
    onnx = PublishedFile(f"{_RTMPOSE}/{file}.zip", sha256, member="end2end.onnx")
    manifest = Manifest(
        manifest_version=1,
        name=name,
        version=1,
        family="simcc",
        tasks=("pose2d",),
        weights="model.onnx",
        sha256=_PENDING,
        input=InputSize(
            height=height_px,
            width=height_px * 3 // 4,
            layout="nchw",
            mean=(123.675, 116.28, 103.53),
            std=(58.395, 57.12, 57.375),
        ),
        crop=CropRule(border="constant", roi_scale=1.25),
        skeleton="coco17",
        license="Apache-2.0",
        source=onnx.url,
    )
    return Network(manifest.name, manifest.license, manifest, onnx)


def _hrnet(name: str, file: str) -> Network:
    hash_prefix = file[-17:-9]  # before _yyyymmdd
    checkpoint = PublishedFile(f"{_HRNET}/{file}.pth", hash_prefix)
    return Network(name, "Apache-2.0", checkpoint=checkpoint, family="hrnet")


_NETWORKS = (
    _yolox("nano", 416, "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"),
    _yolox("tiny", 416, "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7"),
    _yolox("s", 640, "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063"),
    _yolox("m", 640, "21ff6cfdeb53b013bac2249599e55f00bff3cfdfdab37ed7a4620818c1d15b3f"),
    _yolox("l", 640, "7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411"),
    _yolox("x", 640, "c892d7aaf1c4746d8a4d675bec669a4db4f434b4ee1efb654bc9b353379c7c55"),
    _rtmdet(
        "nano",
        320,
        "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e",
        "8297e829ccc5590c8e2d32d5a211f322a0585fb7467eec85eb12c9525b0b95d6",
    ),
    _rtmdet(
        "m",
        640,
        "rtmdet_m_8xb32-100e_coco-obj365-person-235e8209",
        "4f4d7e07350b1753299111d1ae500fd64447a5b0e38e4bacbefab6573c742d30",
    ),
    _rtmpose(
        "rtmpose-t",
        256,
        "rtmpose-t_simcc-body7_pt-body7_420e-256x192-026a1439_20230504",
        "a6c2f6a3896a4d51131d14d7a80a3d08b50f559af5a58a45d5b098aef510a70f",
    ),
    _rtmpose(
        "rtmpose-s",
        256,
        "rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504",
        "9aeb635b83f86aea45cf45d85798f7eba1a162de8e0d721c44e54fe5eebaf47d",
    ),
    _rtmpose(
        "rtmpose-m",
        256,
        "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504",
        "5c0a4bf67953e6d2ac43ce15e77dc9d5d354ae18430a47d2c5963a7bc5683e3c",
    ),
    _rtmpose(
        "rtmpose-l",
        256,
        "rtmpose-l_simcc-body7_pt-body7_420e-256x192-4dba18fc_20230504",
        "cff059fd58a2c0d5fabaddcd66a96abcfb327563bcb0149ea59c9de4a8990fe2",
    ),
    _rtmpose(
        "rtmpose-x-384",
        384,
        "rtmpose-x_simcc-body7_pt-body7_700e-384x288-71d7b7e9_20230629",
        "df0c0fa91e9870b1515dcaff741fd76cc753dcfb12786862f61b243bae81cd52",
    ),
    _hrnet("hrnet-w32", "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909"),
    _hrnet("hrnet-w32-384", "td-hm_hrnet-w32_8xb64-210e_coco-384x288-ca5956af_20220909"),
    _hrnet("hrnet-w48", "td-hm_hrnet-w48_8xb32-210e_coco-256x192-0e67c616_20220913"),
    _hrnet("hrnet-w48-384", "td-hm_hrnet-w48_8xb32-210e_coco-384x288-c161b7de_20220915"),
    Network(
        "hrnet-original",
        "MIT",
        page="https://github.com/leoxiaobin/deep-high-resolution-net.pytorch",
        family="hrnet",
    ),
    Network(
        "3dmppe-posenet",
        "MIT",
        page="https://github.com/mks0601/3DMPPE_POSENET_RELEASE",
        family="3dmppe",
    ),
    Network(
        "3dmppe-rootnet",
        "MIT",
        page="https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE",
        family="3dmppe",
    ),
)

ZOO: Mapping[str, Network] = MappingProxyType({network.name: network for network in _NETWORKS})
PULL_COMMAND = "podium models pull blazepose"
VARIANTS = ("blazepose-lite", "blazepose-heavy")
"""Landmark models beside the default one; ``podium.zoo.blazepose`` makes them."""


def how_to_get(name: str) -> str:
    """How to get a model of this name, as the end of a sentence."""
    if name in VARIANTS:
        return f"run `podium models pull {name}`"
    if name.startswith("blazepose-"):
        return f"run `{PULL_COMMAND}`"
    network = ZOO.get(name)
    if network is not None and network.onnx is not None:
        return f"run `podium models pull {name}`"
    if network is not None and network.checkpoint is not None:
        return (
            f"run `podium models pull {name}` for its checkpoint and "
            f"`podium models export {network.family} --weights FILE`"
        )
    if name == "3dmppe":
        return (
            f"get the checkpoints of {ZOO['3dmppe-posenet'].page} and "
            f"{ZOO['3dmppe-rootnet'].page}, and run "
            "`podium models export 3dmppe --weights POSENET --root-weights ROOTNET`"
        )
    return f"add its folder, or run `{PULL_COMMAND}` for the default models"
