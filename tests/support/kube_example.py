# SPDX-License-Identifier: Apache-2.0
"""The objects and requests that tests/fixtures/kube was recorded with.

They run on a real server (to record) and on the fake one (to compare): both have `put`, `set_pod`,
`delete` and `kinds`.
"""

from kube_kinds import KINDS

NAMESPACE = "inference"
STARTED = "2026-01-01T00:00:00Z"

_SCALER = "keda-gpu-scaler.keda.svc.cluster.local:6000"
_LWS = "leaderworkerset.sigs.k8s.io"


def populate(api):
    """Creates all objects, each with the status that its controller would write."""
    _deployment(api)
    _stateful_set(api)
    _leader_worker_set(api)
    api.put("Rollout", NAMESPACE, "canary", spec={"replicas": 2},
            status={"replicas": 2, "readyReplicas": 2, "selector": "app=canary"})
    # At zero, and its controller has not written a status yet.
    api.put("Rollout", NAMESPACE, "idle", spec={"replicas": 0})
    api.put("ResourceSlice", None, "gpu-node-a-gpu.nvidia.com-x7k2p")
    _scaled_objects(api)
    api.put("ScaledJob", NAMESPACE, "batch",
            labels={"app": "batch", "scaledjob.keda.sh/name": "batch"},
            status={"conditions": _conditions(ready="True", active="False", paused="Unknown"),
                    "externalMetricNames": ["s0-gpu-scaler"]})


def _deployment(api):
    counts = {"observedGeneration": 1, "replicas": 3, "readyReplicas": 2, "availableReplicas": 2}
    deployment = api.put("Deployment", NAMESPACE, "llama", spec={"replicas": 3},
                         status={**counts, "updatedReplicas": 3, "unavailableReplicas": 1})
    labels = {"app": "llama", "pod-template-hash": "6f9c8d7b54"}
    replica_set = api.put(
        "ReplicaSet", NAMESPACE, "llama-6f9c8d7b54", labels=labels,
        ownerReferences=[_owner(deployment)],
        annotations={"deployment.kubernetes.io/desired-replicas": "3",
                     "deployment.kubernetes.io/max-replicas": "4",
                     "deployment.kubernetes.io/revision": "1"},
        spec={"replicas": 3, "selector": {"matchLabels": labels}},
        status={**counts, "fullyLabeledReplicas": 3})
    for suffix, node in (("2xk9d", "gpu-node-a"), ("8wq4n", "gpu-node-b"), ("zz7lp", None)):
        api.set_pod(NAMESPACE, f"llama-6f9c8d7b54-{suffix}", node=node, labels=labels,
                    start_time=STARTED, generateName="llama-6f9c8d7b54-",
                    ownerReferences=[_owner(replica_set)])


def _stateful_set(api):
    stateful_set = api.put(
        "StatefulSet", NAMESPACE, "mixtral", spec={"replicas": 2},
        status={"observedGeneration": 1, "replicas": 2, "readyReplicas": 1, "currentReplicas": 2,
                "updatedReplicas": 2, "availableReplicas": 1, "collisionCount": 0,
                "currentRevision": "mixtral-5c6b8f9d7d", "updateRevision": "mixtral-5c6b8f9d7d"})
    for index, ready in enumerate((True, False)):
        api.set_pod(NAMESPACE, f"mixtral-{index}", node="gpu-node-a", ready=ready,
                    labels={"app": "mixtral", "apps.kubernetes.io/pod-index": str(index),
                            "controller-revision-hash": "mixtral-5c6b8f9d7d",
                            "statefulset.kubernetes.io/pod-name": f"mixtral-{index}"},
                    start_time=STARTED, generateName="mixtral-",
                    ownerReferences=[_owner(stateful_set)])


def _leader_worker_set(api):
    api.put("LeaderWorkerSet", NAMESPACE, "deepseek",
            status={"replicas": 1, "readyReplicas": 1,
                    "hpaPodSelector": f"{_LWS}/name=deepseek,{_LWS}/worker-index=0"})
    for index, name in enumerate(("deepseek-0", "deepseek-0-1")):
        api.set_pod(NAMESPACE, name, node=f"gpu-node-{'ab'[index]}", start_time=STARTED,
                    labels={"app": "deepseek", f"{_LWS}/name": "deepseek",
                            f"{_LWS}/group-index": "0", f"{_LWS}/worker-index": str(index),
                            f"{_LWS}/group-key": "8f6a9d2be0a1c35c8f1e7c7a4d9b0e6f5a3c2d1b"})


def _scaled_objects(api):
    put_scaled_object(api, "llama")
    deployment = ("apps", "v1", "StatefulSet", "statefulsets")
    triggers = [
        _trigger("external-push", "Value", metric="gpu_utilization", targetValue="70"),
        {**_trigger("external", "AverageValue", modelFromEnv="MODEL", targetValue="5"),
         "name": "queue"}]
    put_scaled_object(
        api, "mixtral", deployment, metric_names=["s0-gpu-scaler", "s1-gpu-scaler"],
        annotations={"autoscaling.keda.sh/paused-scale-in": "true"},
        spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "mixtral",
                                 "envSourceContainerName": "server"},
              "idleReplicaCount": 0, "minReplicaCount": 1, "triggers": triggers,
              "advanced": {"scalingModifiers": {"formula": "queue * 2", "target": "10"}},
              "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "static"}})
    group = KINDS["LeaderWorkerSet"].group
    put_scaled_object(
        api, "deepseek", (group, "v1", "LeaderWorkerSet", "leaderworkersets"),
        spec={"scaleTargetRef": {"apiVersion": f"{group}/v1", "kind": "LeaderWorkerSet",
                                 "name": "deepseek"}})
    # Paused, of another scaler, and not yet seen by KEDA: no status.
    api.put("ScaledObject", NAMESPACE, "elsewhere",
            annotations={"autoscaling.keda.sh/paused-replicas": "0"},
            spec={"triggers": [{"type": "prometheus", "metadata": {
                "serverAddress": "http://prometheus.monitoring:9090", "query": "sum(up)",
                "threshold": "1"}}]})


def put_scaled_object(api, name, target=("apps", "v1", "Deployment", "deployments"),
                      metric_names=("s0-gpu-scaler",), **fields):
    """A ScaledObject with the status that KEDA writes; `target` is (group, version, kind,
    resource)."""
    group, version, kind, resource = target
    fields.setdefault("labels", {"app": name, "scaledobject.keda.sh/name": name})
    return api.put("ScaledObject", NAMESPACE, name, **fields, status={
        "authenticationsTypes": "",
        "conditions": _conditions(ready="True", active="True", fallback="False", paused="Unknown"),
        "externalMetricNames": list(metric_names),
        "hpaName": f"keda-hpa-{name}",
        "lastActiveTime": STARTED,
        "originalReplicaCount": 1,
        "scaleTargetGVKR": {"group": group, "kind": kind, "resource": resource, "version": version},
        "scaleTargetKind": f"{group}/{version}.{kind}",
        "triggersActivity": {metric: {"isActive": True} for metric in metric_names},
        "triggersTypes": "external",
    })


def _conditions(**statuses):
    known = {"ready": {"message": "ScaledObject is defined correctly and is ready for scaling",
                       "reason": "ScaledObjectReady"},
             "active": {"message": "Scaling is performed because triggers are active",
                        "reason": "ScalerActive"},
             "fallback": {"message": "No fallbacks are active on this scaled object",
                          "reason": "NoFallbackFound"}}
    return [{**known.get(name, {}), "status": status, "type": name.capitalize()}
            for name, status in statuses.items()]


def _trigger(kind, metric_type, **metadata):
    return {"type": kind, "metricType": metric_type,
            "metadata": {"scalerAddress": _SCALER, **metadata}}


def _owner(owner):
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"],
            "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
            "controller": True, "blockOwnerDeletion": True}


def _path(kind, *place):
    return KINDS[kind].path(*place)


# Groups whose objects the reader may not read; their /scale it may.
UNREADABLE = ("leaderworkerset.x-k8s.io", "argoproj.io")

# Recorded file: who asks (kube_client.KubeClient of `client(user)`), the path, the query.
REQUESTS = {
    "version.json": ("cert", "/version", {}),
    "api_v1.json": ("cert", "/api/v1", {}),
    "apis.json": ("cert", "/apis", {}),
    "apis_apps_v1.json": ("cert", "/apis/apps/v1", {}),
    "apis_keda_v1alpha1.json": ("cert", "/apis/keda.sh/v1alpha1", {}),
    "apis_keda.json": ("cert", "/apis/keda.sh", {}),
    "apis_resource.json": ("cert", "/apis/resource.k8s.io", {}),
    "apis_resource_v1.json": ("cert", "/apis/resource.k8s.io/v1", {}),
    "apis_leaderworkerset_v1.json": ("cert", "/apis/leaderworkerset.x-k8s.io/v1", {}),
    "apis_argoproj_v1alpha1.json": ("cert", "/apis/argoproj.io/v1alpha1", {}),
    "absent_group.txt": ("cert", "/apis/absent.example.com", {}),
    "absent_version.json": ("cert", "/apis/resource.k8s.io/v1beta1", {}),
    "absent_resource.json": ("admin", "/apis/apps/v1/absents", {}),
    "absent_custom_version.txt": ("cert", "/apis/keda.sh/v9", {}),
    "absent_custom_resource.txt": ("admin", "/apis/keda.sh/v1alpha1/absents", {}),
    "status_404_no_custom_scale.json": (
        "admin", _path("ScaledObject", NAMESPACE, "llama", "scale"), {}),
    **{f"list_{kind.resource}.json": ("cert", kind.path(), {})
       for kind in KINDS.values() if kind.group not in UNREADABLE},
    "list_leaderworkersets.json": ("admin", _path("LeaderWorkerSet"), {}),
    "list_pods_of_label.json": ("cert", _path("Pod", NAMESPACE), {
        "labelSelector": "app=llama,pod-template-hash in (6f9c8d7b54)"}),
    "list_pods_of_node.json": ("cert", _path("Pod"), {"fieldSelector": "spec.nodeName=gpu-node-a"}),
    "list_pods_from_cache.json": ("cert", _path("Pod"), {"resourceVersion": "0", "limit": 2}),
    "list_pods_empty.json": ("cert", _path("Pod", "empty"), {}),
    "list_scaledobjects_empty.json": ("cert", _path("ScaledObject", "empty"), {}),
    "get_pod.json": ("cert", _path("Pod", NAMESPACE, "mixtral-0"), {}),
    "get_scaledobject.json": ("cert", _path("ScaledObject", NAMESPACE, "llama"), {}),
    "scale_deployment.json": ("cert", _path("Deployment", NAMESPACE, "llama", "scale"), {}),
    "scale_replicaset.json": ("cert", _path("ReplicaSet", NAMESPACE, "llama-6f9c8d7b54", "scale"),
                              {}),
    "scale_statefulset.json": ("cert", _path("StatefulSet", NAMESPACE, "mixtral", "scale"), {}),
    "scale_leaderworkerset.json": ("cert", _path("LeaderWorkerSet", NAMESPACE, "deepseek", "scale"),
                                   {}),
    "scale_rollout.json": ("cert", _path("Rollout", NAMESPACE, "canary", "scale"), {}),
    "scale_zero.json": ("cert", _path("Rollout", NAMESPACE, "idle", "scale"), {}),
    "status_401.json": ("invalid", _path("Pod"), {}),
    "status_403_user.json": ("nobody", _path("Pod", NAMESPACE), {}),
    "status_403_anonymous.json": ("anonymous", _path("ScaledObject"), {}),
    "status_403_get.json": ("nobody", _path("ScaledObject", NAMESPACE, "llama"), {}),
    "status_403_scale.json": ("nobody", _path("Deployment", NAMESPACE, "llama", "scale"), {}),
    "status_403_watch.json": ("nobody", _path("Deployment"), {"watch": "true"}),
    "status_403_path.json": ("anonymous", "/apis/apps/v1", {}),
    "status_404_pod.json": ("cert", _path("Pod", NAMESPACE, "absent"), {}),
    "status_404_scaledobject.json": ("cert", _path("ScaledObject", NAMESPACE, "absent"), {}),
    "status_404_scale.json": ("cert", _path("Deployment", NAMESPACE, "absent", "scale"), {}),
    "status_404_no_scale.json": ("admin", _path("Pod", NAMESPACE, "mixtral-0", "scale"), {}),
    "status_400_field.json": ("cert", _path("ScaledObject"), {"fieldSelector": "spec.x=1"}),
    "status_400_version.json": ("cert", _path("Pod"), {"resourceVersion": "x"}),
    "status_400_label.json": ("cert", _path("Pod"), {"labelSelector": "a in"}),
    "status_422_initial.json": ("cert", _path("Pod"), {
        "watch": "true", "sendInitialEvents": "true"}),
    "status_400_continue.json": ("cert", _path("Pod"), {"limit": 1, "continue": "bad"}),
    "status_504_future.json": ("cert", _path("Pod"), {"resourceVersion": "1000000"}),
}

# The pages of one list: files, path, query.
PAGES = [
    (["list_pods_page_1.json", "list_pods_page_2.json", "list_pods_page_3.json"],
     _path("Pod"), {"limit": 3}),
    (["list_scaledobjects_page_1.json", "list_scaledobjects_page_2.json"],
     _path("ScaledObject", NAMESPACE), {"limit": 2}),
    (["list_pods_of_label_page_1.json", "list_pods_of_label_page_2.json"],
     _path("Pod"), {"limit": 2, "labelSelector": "app=llama"}),
]


def change_pods(api):
    """A pod starts, becomes ready, is told to end, and is gone."""
    labels = {"app": "mixtral", "apps.kubernetes.io/pod-index": "2"}
    for ready in (False, True):
        api.set_pod(NAMESPACE, "mixtral-2", node="gpu-node-b", labels=labels, ready=ready)
    api.delete("Pod", NAMESPACE, "mixtral-2", grace_seconds=30)
    api.delete("Pod", NAMESPACE, "mixtral-2")


def change_scaled_objects(api):
    api.put("ScaledObject", NAMESPACE, "brief")
    put_scaled_object(api, "brief", annotations={"autoscaling.keda.sh/paused": "true"})
    api.delete("ScaledObject", NAMESPACE, "brief")


def change_labels(api):
    """A pod leaves what a selector selects, and comes back."""
    for app in ("other", "mixtral"):
        api.put("Pod", NAMESPACE, "mixtral-1", labels={"app": app})


def change_nothing(_):
    pass


# Recorded file: the path, the query (without a resourceVersion: the present one), what happens.
_STREAM = {"allowWatchBookmarks": "true", "timeoutSeconds": 5}
WATCHES = {
    "watch_pods.jsonl": (_path("Pod"), _STREAM, change_pods),
    "watch_scaledobjects.jsonl": (_path("ScaledObject"), _STREAM, change_scaled_objects),
    "watch_pods_of_label.jsonl": (
        _path("Pod", NAMESPACE), {**_STREAM, "labelSelector": "app=mixtral"}, change_labels),
    "watch_deployments_from_any.jsonl": (
        _path("Deployment"), {"timeoutSeconds": 1, "resourceVersion": "0"}, change_nothing),
    **{f"watch_{kind.resource}_initial.jsonl": (
        kind.path(), {**_STREAM, "timeoutSeconds": 1, "resourceVersion": "",
                      "resourceVersionMatch": "NotOlderThan", "sendInitialEvents": "true"},
        change_nothing) for kind in KINDS.values() if kind.group not in UNREADABLE},
}
