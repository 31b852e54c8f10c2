"""Networks in torch: their architectures, loading of official checkpoints, export to ONNX.

Only the machine that exports a model needs this; the services have no torch. The files:

    resnet, csp_darknet            blocks and backbones
    hrnet, yolox, three_dmppe      the networks, with the tensor names of official checkpoints
    checkpoint                     reads a checkpoint file, and fills a network strictly
    official                       makes networks from official checkpoint files
    families                       makes an ``Export`` of a network: pixels, outputs, manifest
    served                         the network with uint8 inputs and FP32 outputs
    onnx_export                    writes that as an ONNX graph and compares it with torch
    end_to_end                     adds decoding as ONNX operators
    publish                        writes the folder of the model repository
"""
