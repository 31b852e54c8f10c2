"""Networks in torch: their architectures, official checkpoints into them, and ONNX out of them.

This is for the machine that exports a model; what serves it has no torch. One file is one idea:

    resnet, csp_darknet            blocks and backbones
    hrnet, yolox, three_dmppe      the networks, each with the names of its official checkpoints
    checkpoint                     a checkpoint file -> the tensors of a network, strictly
    official                       official checkpoint files -> networks
    families                       networks -> an ``Export``: pixels, outputs, manifest
    served                         the network with uint8 pixels in and FP32 out
    onnx_export                    that as an ONNX graph, proved equal
    end_to_end                     decoding as ONNX operators behind the network
    publish                        the folder of the model repository
"""
