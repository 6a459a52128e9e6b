# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes kinds that the tests use: their places in the API and their smallest manifests.

Shared by the fake API server, the real one and the recorder of tests/fixtures/kube, so that one
test can create the same objects on either server.
"""

import copy
import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind. `scale` is where its /scale takes the label selector from; None: it has none."""

    name: str
    group: str
    version: str
    resource: str
    namespaced: bool = True
    custom: bool = False
    scale: tuple = None

    @property
    def api_version(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self):
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace=None, name=None, subresource=None):
        """The path of the collection (of all namespaces without `namespace`) or of one object."""
        parts = [self.prefix]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.resource, name, subresource) if part is not None]
        return "/".join(parts)


# The selector of an apps kind is an object; its /scale shows it as a string.
_APPS_SCALE = ("spec", "selector")

KINDS = {kind.name: kind for kind in (
    Kind("Pod", "", "v1", "pods"),
    Kind("Deployment", "apps", "v1", "deployments", scale=_APPS_SCALE),
    Kind("StatefulSet", "apps", "v1", "statefulsets", scale=_APPS_SCALE),
    Kind("ReplicaSet", "apps", "v1", "replicasets", scale=_APPS_SCALE),
    Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects", custom=True),
    Kind("ScaledJob", "keda.sh", "v1alpha1", "scaledjobs", custom=True),
    Kind("ResourceSlice", "resource.k8s.io", "v1", "resourceslices", namespaced=False),
    Kind("LeaderWorkerSet", "leaderworkerset.x-k8s.io", "v1", "leaderworkersets", custom=True,
         scale=("status", "hpaPodSelector")),
    Kind("Rollout", "argoproj.io", "v1alpha1", "rollouts", custom=True,
         scale=("status", "selector")),
)}

# Built-in kinds of which no more is needed than that they can be read: nothing of them is recorded.
UNRECORDED = {kind.name: kind for kind in (
    Kind("Service", "", "v1", "services"),
)}


def _container():
    return {
        "name": "server",
        "image": "vllm/vllm-openai:v0.11.0",
        "args": ["--model", "meta-llama/Llama-3.1-8B-Instruct"],
        "ports": [{"name": "http", "containerPort": 8000}],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "64Gi"},
                      "requests": {"cpu": "4"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
    }


def _template(name):
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [_container()]}}


def _workload(name, **spec):
    return {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
                     "template": _template(name), **spec}}


def _trigger():
    return {
        "type": "external",
        "metricType": "AverageValue",
        "metadata": {"scalerAddress": "keda-gpu-scaler.keda.svc.cluster.local:6000",
                     "profile": "vllm-inference", "targetValue": "80"},
    }


def _scaled_object(name):
    return {"spec": {"scaleTargetRef": {"name": name}, "minReplicaCount": 0, "maxReplicaCount": 10,
                     "pollingInterval": 15, "triggers": [_trigger()]}}


def _scaled_job(name):
    trigger = {key: value for key, value in _trigger().items() if key != "metricType"}
    job = {"template": {"metadata": {"labels": {"app": name}},
                        "spec": {"restartPolicy": "Never", "containers": [_container()]}}}
    return {"spec": {"jobTargetRef": job, "maxReplicaCount": 10, "triggers": [trigger]}}


def _resource_slice(_):
    """As NVIDIA's DRA driver publishes the GPUs of a node: one whole, one MIG device."""
    parent = "GPU-5c1f2e0b-7a0c-4d5e-9f3a-0b1c2d3e4f50"
    gpu = {"type": {"string": "gpu"},
           "uuid": {"string": "GPU-0f8ad3a1-9a1b-4c1e-8d5f-6e7f8091a2b3"},
           "productName": {"string": "NVIDIA H100 80GB HBM3"}, "brand": {"string": "Nvidia"},
           "architecture": {"string": "Hopper"}, "cudaComputeCapability": {"version": "9.0.0"},
           "driverVersion": {"version": "580.82.7"}, "cudaDriverVersion": {"version": "13.0.0"}}
    mig = {**gpu, "type": {"string": "mig"}, "profile": {"string": "1g.10gb"},
           "uuid": {"string": "MIG-2b7c9a10-3d4e-5f60-8172-93a4b5c6d7e8"},
           "parentUUID": {"string": parent}}
    return {"spec": {
        "driver": "gpu.nvidia.com",
        "nodeName": "gpu-node-a",
        "pool": {"name": "gpu-node-a", "generation": 1, "resourceSliceCount": 1},
        "devices": [
            {"name": "gpu-0", "attributes": gpu, "capacity": {"memory": {"value": "81559Mi"}}},
            {"name": "gpu-1-mig-1g10gb-19-0", "attributes": mig,
             "capacity": {"memory": {"value": "9856Mi"}}},
        ],
    }}


_MANIFESTS = {
    "Pod": lambda name: {"spec": {"containers": [_container()]}},
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": lambda name: _workload(name, serviceName=name),
    "ScaledObject": _scaled_object,
    "ScaledJob": _scaled_job,
    "ResourceSlice": _resource_slice,
    "LeaderWorkerSet": lambda name: {"spec": {
        "replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": _template(name)}}},
    "Rollout": _workload,
    "Service": lambda name: {"spec": {"ports": [{"port": 80}], "selector": {"app": name}}},
}


def manifest(kind, namespace, name, kinds=None):
    """The smallest manifest of `kind` that a real server accepts; its pods have the label app=name.

    A kind that the tests added has an empty spec.
    """
    kind = (kinds or KINDS)[kind]
    body = _MANIFESTS.get(kind.name, lambda _: {"spec": {}})(name)
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    if not kind.namespaced:
        del metadata["namespace"]
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **body}


# What `put` of either server takes, by where it goes in the object.
METADATA_FIELDS = ("labels", "annotations", "ownerReferences", "generateName")
SECTION_FIELDS = ("spec", "status")


def apply_fields(manifest_or_object, fields):
    """A copy with `fields` put over it.

    `labels`, `annotations`, `ownerReferences` and `generateName` replace those of the metadata.
    Each key of `spec` and `status` replaces that key, or removes it if it is None. A selector that
    comes without a template gives the template its labels.
    """
    unknown = set(fields) - set(METADATA_FIELDS) - set(SECTION_FIELDS)
    if unknown:
        raise TypeError(f"unknown fields {sorted(unknown)}")
    result = copy.deepcopy(manifest_or_object)
    for name in METADATA_FIELDS:
        if name in fields:
            result["metadata"][name] = copy.deepcopy(fields[name])
    for section in SECTION_FIELDS:
        for key, value in (fields.get(section) or {}).items():
            result.setdefault(section, {})[key] = copy.deepcopy(value)
            if value is None:
                del result[section][key]
    spec = fields.get("spec") or {}
    if "selector" in spec and "template" not in spec and "template" in result["spec"]:
        labels = result["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {})
        labels.update(spec["selector"].get("matchLabels", {}))
    return result


# Who writes what in a cluster; the server notes it in managedFields.
_WRITERS = {"Pod": "kube-controller-manager", "ReplicaSet": "kube-controller-manager",
            "ResourceSlice": "gpu-kubelet-plugin"}
_STATUS_WRITERS = {"Pod": "kubelet", "ScaledObject": "keda", "ScaledJob": "keda",
                   "LeaderWorkerSet": "manager", "Rollout": "rollouts-controller"}


def writer(kind):
    return _WRITERS.get(kind, "kubectl-create")


def status_writer(kind):
    return _STATUS_WRITERS.get(kind, "kube-controller-manager")


_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
               "PodScheduled")


def _conditions(ready, time):
    waits = {"Ready", "ContainersReady"}
    return [{"type": name, "status": "True" if ready or name not in waits else "False",
             "lastProbeTime": None, "lastTransitionTime": time} for name in _CONDITIONS]


def _container_status(ready, time):
    return {"name": "server", "state": {"running": {"startedAt": time}}, "lastState": {},
            "ready": ready, "restartCount": 0, "image": "docker.io/vllm/vllm-openai:v0.11.0",
            "imageID": "docker.io/vllm/vllm-openai@sha256:" + 64 * "0",
            "containerID": "containerd://" + 64 * "0", "started": True}


def pod_fields(node, labels, phase, start_time, ready, **fields):
    """The fields of a pod as the kubelet of `node` reports it; labels=None leaves those it has.

    `start_time` (RFC 3339) is its status.startTime, and the time of all else that has one. A pod
    without a node is Pending and has neither.
    """
    spec = dict(fields.pop("spec", None) or {})
    status = {"phase": "Pending"}
    if node is not None:
        spec["nodeName"] = node
        status = {"phase": phase, "conditions": _conditions(ready, start_time),
                  "hostIP": "192.0.2.10", "hostIPs": [{"ip": "192.0.2.10"}],
                  "podIP": "10.244.1.7", "podIPs": [{"ip": "10.244.1.7"}], "startTime": start_time}
        if phase == "Running":
            status["containerStatuses"] = [_container_status(ready, start_time)]
    if labels is not None:
        fields["labels"] = labels
    status.update(fields.pop("status", None) or {})
    return {**fields, "spec": spec, "status": status}
