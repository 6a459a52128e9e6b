# SPDX-License-Identifier: Apache-2.0
"""A kubelet's PodResources server on a unix socket, for tests of the whole binary.

Wants podresources_pb2 and podresources_pb2_grpc, generated from proto/, on the Python path.
"""

import threading
from concurrent import futures
from pathlib import Path

import grpc
import podresources_pb2
import podresources_pb2_grpc

# More than clients have: a hanging call must not keep a later one from being taken.
_WORKERS = 16


class FakeKubelet(podresources_pb2_grpc.PodResourcesListerServicer):
    """Serves DIRECTORY/kubelet.sock between `start()` and `stop()`, or as a context manager.

    `pods` is what List answers. It may be replaced or changed at any time:

        {("ml", "web-0"): {"nvidia.com/gpu": ["GPU-...", "GPU-...::1"]},
         ("ml", "web-1"): {"gpu.nvidia.com": [("node-a", "gpu-0")]}}

    An id that is text is a device plugin's, of the resource named; a pair is pool and device of
    Dynamic Resource Allocation, of the driver named.
    """

    def __init__(self, directory, pods=None):
        self.socket = Path(directory) / "kubelet.sock"
        self.pods = pods or {}
        # What the next answer is instead.
        self._once = None
        # List calls taken, failed and hanging ones included.
        self.calls = 0
        self._lock = threading.Lock()
        self._failure = None
        # Set while calls are answered.
        self._answering = threading.Event()
        self._answering.set()
        self._server = None
        self._workers = None

    def start(self):
        """Makes a new socket file and serves it. Harmless while it serves."""
        if self._server is not None:
            return
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self._workers = futures.ThreadPoolExecutor(_WORKERS)
        server = grpc.server(
            self._workers,
            options=[("grpc.max_send_message_length", -1)],
        )
        podresources_pb2_grpc.add_PodResourcesListerServicer_to_server(self, server)
        server.add_insecure_port(f"unix:{self.socket}")
        server.start()
        self._server = server

    def stop(self):
        """Ends all calls and connections and removes the socket file. Harmless while stopped."""
        if self._server is None:
            return
        server, self._server = self._server, None
        stopped = server.stop(grace=None)
        # Handlers that hang are let go; what they answer reaches nobody.
        hanging = not self._answering.is_set()
        self._answering.set()
        stopped.wait()
        self._workers.shutdown(wait=True)
        if hanging:
            self._answering.clear()
        self.socket.unlink(missing_ok=True)

    def restart(self):
        """As a kubelet does it: the socket file afterwards is another one."""
        self.stop()
        self.start()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, traceback):
        self._answering.set()
        self.stop()

    def hang(self):
        """From now on calls are taken but not answered, until `resume()`."""
        self._answering.clear()

    def answer_once(self, pods):
        """The next answer is of these; calls after it are not answered, until `resume()`."""
        with self._lock:
            self._once = pods

    def fail(self, code, message="failed by the test"):
        """From now on calls end with this grpc.StatusCode, until `resume()`."""
        self._failure = (code, message)

    def fail_for_rate(self):
        """What a kubelet says to more than 100 calls a second."""
        self.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by rate limit")

    def resume(self):
        """Calls are answered again, those that hang too."""
        self._failure = None
        self._answering.set()

    # The service.

    def List(self, request, context):  # pylint: disable=invalid-name
        with self._lock:
            self.calls += 1
        self._answering.wait()
        if self._failure is not None:
            context.abort(*self._failure)
        with self._lock:
            pods = self.pods if self._once is None else self._once
            if self._once is not None:
                self._once = None
                self._answering.clear()
        return _response(dict(pods))


def _response(pods):
    response = podresources_pb2.ListPodResourcesResponse()
    for (namespace, name), held in pods.items():
        pod = response.pod_resources.add(name=name, namespace=namespace)
        container = pod.containers.add(name="main")
        for owner, devices in held.items():
            ids = [device for device in devices if isinstance(device, str)]
            if ids:
                container.devices.add(resource_name=owner, device_ids=ids)
            for pool, device in (pair for pair in devices if not isinstance(pair, str)):
                claim = container.dynamic_resources.add(
                    claim_name=f"{name}-{device}", claim_namespace=namespace)
                claim.claim_resources.add(
                    driver_name=owner, pool_name=pool, device_name=device)
    return response
