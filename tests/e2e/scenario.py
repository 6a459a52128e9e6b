# SPDX-License-Identifier: Apache-2.0
"""One workload on a fleet of its own, and what is waited for. Everything is read from the API."""

import contextlib
import json
import threading

from curve import Curve, sent_to_hpa
from gateway import Gateway
from gpu_fleet import GpuFleet
from harness import wait_until
from kube_kinds import KINDS
from kubelet import Kubelet, busy
from plot import svg
from rollout import RolloutController
from stack import DOWNSCALE_STABILIZATION_S, HPA_SYNC_S

# For what should happen within some seconds, on a machine that is busy.
PATIENCE_S = 90
# Longer than the HPA keeps back what it would do.
STAYS_S = DOWNSCALE_STABILIZATION_S + 2 * HPA_SYNC_S
# What an answer may be too high for a moment: the GPUs of two nodes are not read at the same time,
# and while one shows what was before a pod became Ready, the other shows what is since.
SPARE = 1
_SAMPLE_S = 0.5
_MIRRORS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "Rollout": "rollouts"}
NAME = "web"
# KEDA's certificate for the hubs.
AUTHENTICATION = "gpu-scaler"


class Interrupted(Exception):
    """The run has ended before the scenario."""


class Scenario:
    """Use as a context manager; then `deploy`, `scale` and wait. `folder` gets logs and curve; the
    event `over` ends it early; `ready_after`, `shown` and `engine_page` as of Kubelet; so many `gateways` are one
    `gateway`."""

    def __init__(self, stack, name, number, folder, over, ready_after=1, shown=busy,
                 engine_page=None, gateways=0, hub_flags=()):
        self.stack, self.name, self._over = stack, name, over
        self.namespace = name.replace("_", "-")
        self._folder = folder
        folder.mkdir(parents=True)
        self.fleet = GpuFleet(stack, self.namespace, number, folder, hub_flags)
        self.kubelet = Kubelet(stack, self.fleet, self.namespace, ready_after, shown, engine_page)
        self.gateway = Gateway(stack, number, self.kubelet, gateways)
        self.curve = Curve(name)
        self._unit = "requests" if engine_page else "GPU-percent"
        self._kind = "Deployment"
        self._sampling = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._ends = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as ends:
            ends.callback(self._write)
            ends.enter_context(self.fleet)
            self.stack.authenticate_keda(self.namespace, AUTHENTICATION, self.fleet.security)
            ends.enter_context(self.kubelet)
            ends.enter_context(self.gateway)
            ends.callback(self._end)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *error):
        self._ends.__exit__(*error)

    # What is done.

    def deploy(self, replicas, load, kind="Deployment"):
        """A workload of that kind with Ready pods under that load."""
        self._kind = kind
        self.kubelet.offer(load)
        if kind == "Rollout":
            self.kubelet.controllers.append(RolloutController(self.stack, self.namespace, NAME))
        self._mirror().listen(self.namespace, NAME, lambda _: self._point())
        self.stack.put(kind, self.namespace, NAME, spec={"replicas": replicas})
        self._sampler.start()
        self.wait(lambda: self._ready() == replicas, f"{replicas} Ready pods")

    def scale(self, *triggers, low=1, high=12, cooldown=300, polling=2, **spec):
        """A ScaledObject with those triggers (see `trigger`)."""
        kind = KINDS[self._kind]
        self.stack.put("ScaledObject", self.namespace, NAME, spec={
            "scaleTargetRef": {"apiVersion": kind.api_version, "kind": kind.name, "name": NAME},
            "minReplicaCount": low, "maxReplicaCount": high, "pollingInterval": polling,
            "cooldownPeriod": cooldown, "triggers": list(triggers or (self.trigger(),)), **spec})

    def trigger(self, hpa_type="AverageValue", name=None, address=None, push=False, **metadata):
        """By default for a gpu_utilization of 80."""
        metadata = {key: str(value) for key, value in metadata.items()}
        return {"type": "external-push" if push else "external", "metricType": hpa_type,
                **({"name": name} if name else {}),
                # Another address is not the hubs', and is spoken to in plaintext.
                **({} if address else {"authenticationRef": {"name": AUTHENTICATION}}),
                "metadata": {"scalerAddress": address or self.fleet.address,
                             **(metadata or {"targetGpuUtilization": "80"})}}

    def offer(self, load):
        self.curve.note(f"load {load}")
        self.kubelet.offer(load)

    def annotate(self, **annotations):
        """Of the ScaledObject, under autoscaling.keda.sh/; None removes one, "_" means "-"."""
        for key, value in annotations.items():
            self.curve.note(f"{key.replace('_', '-')}: {value}" if value else "no longer paused")
        path = KINDS["ScaledObject"].path(self.namespace, NAME)
        self.stack.admin.call("PATCH", path, {"metadata": {"annotations": {
            f"autoscaling.keda.sh/{key.replace('_', '-')}": value
            for key, value in annotations.items()}}}, "application/merge-patch+json")

    # What the API shows.

    def spec(self):
        """spec.replicas of the target."""
        return self._mirror().get(self.namespace, NAME)["spec"]["replicas"]

    def hpa(self):
        """The HPA that KEDA made, or None."""
        return self.stack.hpas.get(self.namespace, f"keda-hpa-{NAME}")

    def scaled_object(self):
        return self.stack.scaledobjects.get(self.namespace, NAME)

    @staticmethod
    def condition(found, kind):
        """(status, reason) of a condition of an object, or (None, None)."""
        for one in (found or {}).get("status", {}).get("conditions") or ():
            if one["type"] == kind:
                return one["status"], one.get("reason")
        return None, None

    @staticmethod
    def is_answered_inactive(found):
        """Whether KEDA was answered that the scaled object is not wanted. After an error, too, it
        says that it is not active."""
        condition = Scenario.condition
        return (condition(found, "Ready")[0], condition(found, "Active")[0]) == ("True", "False")

    def is_known_not_to_be_wanted(self):
        """Whether both hubs have asked what would wake it."""
        decisions = [hub.debug("decisions").get(("ScaledObject", self.namespace, NAME, 0))
                     for hub in self.fleet.hubs]
        return all(one and one.get("now", {}).get("active") is False for one in decisions)

    def hpa_is_blind(self):
        return self.condition(self.hpa(), "ScalingActive") == ("False", "FailedGetExternalMetric")

    def hpa_sees(self):
        return self.condition(self.hpa(), "ScalingActive")[0] == "True"

    # What is waited for.

    def wait(self, condition, what, patience=PATIENCE_S):
        def holds():
            self._check()
            return condition()
        return wait_until(holds, f"{self.name}: {what}", patience)

    def settles(self, replicas, patience=PATIENCE_S):
        """The target comes to rest at that number of replicas, all Ready. When pods have just
        become Ready it may go by SPARE once more."""
        deadline = self.curve.now() + patience
        while True:
            self.wait(lambda: (self.spec(), self._ready()) == (replicas, replicas),
                      f"{replicas} replicas, all Ready", deadline - self.curve.now())
            others = self._others_than(replicas, STAYS_S)
            if not others:
                return
            assert max(abs(other - replicas) for other in others) <= SPARE, (
                f"{self.name}: {replicas} replicas became {sorted(others)}")

    def stays(self, replicas, seconds=STAYS_S):
        """Not one other number is seen for so long."""
        others = self._others_than(replicas, seconds)
        assert not others, f"{self.name}: {replicas} replicas became {sorted(others)}"

    def keeps(self, condition, what, seconds=STAYS_S):
        """It holds for so long."""
        began = self.curve.now()
        while self.curve.now() - began < seconds:
            self._check()
            assert condition(), f"{self.name}: {what}"
            self._sampling.wait(_SAMPLE_S)

    def _others_than(self, replicas, seconds):
        """Other numbers of replicas, as soon as there is one; none after so long."""
        began = self.curve.now()
        others = set()
        while not others and self.curve.now() - began < seconds:
            self._check()
            others = {point["spec"] for point in self.curve.since(began)} - {replicas}
            self._sampling.wait(_SAMPLE_S)
        return others

    def kept_within(self, least, most):
        """Fewer or more replicas have never been wanted."""
        specs = self.specs()
        assert least <= min(specs) and max(specs) <= most, f"{self.name}: {specs}"

    def specs(self, since=0):
        """The different values of spec.replicas in their order."""
        found = []
        for point in self.curve.since(since):
            if found[-1:] != [point["spec"]]:
                found.append(point["spec"])
        return found

    def pods_created(self):
        """How many pods there have been."""
        return self.kubelet.admitted

    def was_sent(self, number):
        """Whether the HPA got that number."""
        return any(point["sent"] is not None and abs(point["sent"] - number) < 0.05
                   for point in self.curve.since(0))

    def wakes(self):
        """Waits for the first replica since now; returns the seconds."""
        began = self.curve.now()
        self.wait(lambda: self._first_replica(began), "a first replica")
        return self._first_replica(began) - began

    def _first_replica(self, began):
        return next((point["time"] for point in self.curve.since(began) if point["spec"]), None)

    # The curve.

    def _mirror(self):
        return getattr(self.stack, _MIRRORS[self._kind])

    def _ready(self):
        return sum(self.condition(pod, "Ready")[0] == "True"
                   and not pod["metadata"].get("deletionTimestamp")
                   for pod in self.stack.pods.of(self.namespace).values())

    def _point(self):
        moment = self.curve.now()
        target = self._mirror().get(self.namespace, NAME)
        if target:
            self.curve.add(moment, spec=target["spec"]["replicas"],
                           status=target.get("status", {}).get("replicas", 0),
                           ready=self._ready(), sent=sent_to_hpa(self.hpa()),
                           load=self.kubelet.load)

    def _sample(self):
        while not self._sampling.wait(_SAMPLE_S):
            self._point()

    # Its end.

    def _check(self):
        self.stack.check()
        if self._over.is_set():
            raise Interrupted(self.name)
        if self.kubelet.error:
            raise self.kubelet.error

    def _end(self):
        self._sampling.set()
        if self._sampler.is_alive():
            self._sampler.join()
        self.let_go()

    def let_go(self):
        """Removes the ScaledObject: KEDA must let go of the hubs before they end."""
        if self.scaled_object():
            self.stack.delete("ScaledObject", self.namespace, NAME)
            wait_until(lambda: self.scaled_object() is None, "KEDA's farewell")

    def _write(self):
        (self._folder / "curve.json").write_text(self.curve.json(), encoding="utf-8")
        (self._folder / "curve.svg").write_text(svg(self.curve, self._unit), encoding="utf-8")

    def report(self):
        """What there is to know when it has failed; to be called while it runs."""
        parts = [f"replicas: {self.specs()}"]
        for hub in self.fleet.hubs:
            if hub and not hub.ended():
                parts.append(f"decisions of the hub at {hub.address}:\n{_decisions(hub)}")
        for what, found in (("ScaledObject", self.scaled_object()), ("HPA", self.hpa())):
            parts.append(f"status of the {what}:\n"
                         + json.dumps((found or {}).get("status"), indent=1))
        events = (f"{event['lastTimestamp']} {event['reason']}: {event['message']}"
                  for event in self.stack.events.of(self.namespace).values()
                  if event["involvedObject"]["kind"] in ("ScaledObject",
                                                         "HorizontalPodAutoscaler"))
        parts.append("events:\n" + "\n".join(sorted(events)))
        for name, process in self.fleet.running():
            parts.append(_tail(name, process.lines))
        for name in ("keda", "kube-controller-manager"):
            log = (self.stack.logs / f"{name}.log").read_text(errors="replace").splitlines()
            parts.append(_tail(name, [line for line in log if self.namespace in line]))
        return "\n\n".join(parts)


def _tail(name, lines):
    return f"log of {name}:\n" + "\n".join(line[:400] for line in lines[-15:])


def _decisions(hub):
    status, body = hub.get(hub.debug_port, "/debug/decisions", address="127.0.0.1")
    return body if status == 200 else f"none (status {status})"
