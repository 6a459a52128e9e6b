# SPDX-License-Identifier: Apache-2.0
"""Stands between KEDA and a hub and leaves out the float fields, so that KEDA goes by the ints."""

from concurrent import futures

import externalscaler_pb2_grpc
import grpc
from harness import free_port
from stack import HUB_ADDRESSES, HUBS

_DEADLINE_S = 5


class IntOnlyProxy(externalscaler_pb2_grpc.ExternalScalerServicer):
    """Answers for the first hub of a fleet, on both addresses. Use as a context manager."""

    def __init__(self, fleet):
        self.address = f"{HUBS}:{free_port(HUB_ADDRESSES)}"
        # Numbers that were passed on.
        self.answered = 0
        self._hub = fleet.hubs[0].keda
        self._server = grpc.server(futures.ThreadPoolExecutor(8))

    def __enter__(self):
        externalscaler_pb2_grpc.add_ExternalScalerServicer_to_server(self, self._server)
        port = self.address.rpartition(":")[2]
        for address in HUB_ADDRESSES:
            self._server.add_insecure_port(f"{address}:{port}")
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()

    # pylint: disable=invalid-name

    def IsActive(self, request, context):
        return self._ask(self._hub.IsActive, request, context)

    def GetMetricSpec(self, request, context):
        response = self._ask(self._hub.GetMetricSpec, request, context)
        for spec in response.metricSpecs:
            spec.ClearField("targetSizeFloat")
        return response

    def GetMetrics(self, request, context):
        response = self._ask(self._hub.GetMetrics, request, context)
        for value in response.metricValues:
            value.ClearField("metricValueFloat")
            self.answered += 1
        return response

    @staticmethod
    def _ask(call, request, context):
        try:
            return call(request, timeout=_DEADLINE_S)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
