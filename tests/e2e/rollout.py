# SPDX-License-Identifier: Apache-2.0
"""The controller of a custom resource with a scale subresource: pods NAME-0, NAME-1, ... of it."""

from kube_client import ApiError
from kube_kinds import KINDS, manifest


class RolloutController:
    """Of one Rollout; a call does what there is to do."""

    def __init__(self, stack, namespace, name):
        self._stack, self._namespace, self._name = stack, namespace, name

    def __call__(self):
        found = self._stack.rollouts.get(self._namespace, self._name)
        if found is None:
            return
        wanted = {f"{self._name}-{number}" for number in range(found["spec"]["replicas"])}
        pods = {name for name, pod in self._stack.pods.of(self._namespace).items()
                if not pod["metadata"].get("deletionTimestamp")}
        for name in sorted(wanted - pods):
            pod = manifest("Pod", self._namespace, name)
            pod["metadata"]["labels"] = {"app": self._name}
            self._call("POST", KINDS["Pod"].path(self._namespace), pod)
        for name in pods - wanted:
            self._call("DELETE", KINDS["Pod"].path(self._namespace, name))
        status = {"replicas": len(pods), "selector": f"app={self._name}"}
        if found.get("status") != status:
            self._call("PATCH", KINDS["Rollout"].path(self._namespace, self._name, "status"),
                       {"status": status})

    def _call(self, method, path, body=None):
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer = self._stack.admin.request(method, path, body, kind)
        # The mirror may be a moment behind what this has done before.
        if answer.status // 100 != 2 and answer.status not in (404, 409):
            raise ApiError(method, path, answer)
