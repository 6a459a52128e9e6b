// SPDX-License-Identifier: Apache-2.0
//
// Labels and annotations with a meaning of their own.
#pragma once

namespace kgs::kube {

/// On the pods of a ScaledJob's Jobs: the ScaledJob's name.
inline constexpr char kScaledJobLabel[] = "scaledjob.keda.sh/name";
/// On all pods of a LeaderWorkerSet: its name. Its scale selects the leaders only.
inline constexpr char kLeaderWorkerSetLabel[] = "leaderworkerset.sigs.k8s.io/name";
inline constexpr char kLeaderWorkerSetGroup[] = "leaderworkerset.x-k8s.io";
inline constexpr char kLeaderWorkerSetKind[] = "LeaderWorkerSet";
/// On the same pods: how many make up a group.
inline constexpr char kGroupSizeAnnotation[] = "leaderworkerset.sigs.k8s.io/size";
/// On a ScaledObject or ScaledJob: KEDA does not ask.
inline constexpr char kPausedAnnotation[] = "autoscaling.keda.sh/paused";
/// On a ScaledObject, with the same effect.
inline constexpr char kPausedReplicasAnnotation[] = "autoscaling.keda.sh/paused-replicas";

}  // namespace kgs::kube
