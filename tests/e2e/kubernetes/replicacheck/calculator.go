// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	autoscaling "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const namespace, metric = "default", "gpu"

var selector = labels.SelectorFromSet(labels.Set{"app": "web"})
var tolerances = defaultTolerances()

// defaultTolerances are a tenth each way. Nothing outside the package can make them but so.
func defaultTolerances() podautoscaler.Tolerances {
	var made podautoscaler.Tolerances
	value := reflect.ValueOf(&made).Elem()
	for i := 0; i < value.NumField(); i++ {
		field := value.Field(i)
		*(*float64)(unsafe.Pointer(field.UnsafeAddr())) = 0.1
	}
	if text := made.String(); text != "[down:10.0%, up:10.0%]" {
		fail("tolerances are %s", text)
	}
	return made
}

// external is what the HPA makes of our answer.
func external(c *replicaCase) (int32, error) {
	calculator := newCalculator(c)
	if c.Type == "Value" {
		wanted, _, _, err := calculator.GetExternalMetricReplicas(
			c.Replicas, c.Target, metric, tolerances, namespace, &metav1.LabelSelector{}, selector)
		return wanted, err
	}
	wanted, _, _, err := calculator.GetExternalPerPodMetricReplicas(
		c.Replicas, c.Target, metric, tolerances, namespace, &metav1.LabelSelector{})
	return wanted, err
}

// ownMetrics is what the HPA would make of the same values if the pods served them.
func ownMetrics(c *replicaCase) (int32, error) {
	everyone := *c
	everyone.Pods = nil
	for _, one := range c.Pods {
		// The rule leaves out pods that are not Ready; ours counts those that have been.
		everyone.Pods = append(everyone.Pods, pod{Ready: true, Value: one.Value})
	}
	wanted, _, _, err := newCalculator(&everyone).GetMetricReplicas(
		c.Replicas, c.Target, metric, tolerances, namespace, selector, labels.Everything())
	return wanted, err
}

func newCalculator(c *replicaCase) *podautoscaler.ReplicaCalculator {
	pods := cache.NewIndexer(cache.MetaNamespaceKeyFunc,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	served := client{sent: c.Sent, pods: metrics.PodMetricsInfo{}}
	for i, one := range c.Pods {
		name := fmt.Sprintf("web-%d", i)
		if err := pods.Add(makePod(name, one.Ready)); err != nil {
			fail("%v", err)
		}
		if one.Value != nil {
			served.pods[name] = metrics.PodMetric{Value: *one.Value, Timestamp: time.Now()}
		}
	}
	return podautoscaler.NewReplicaCalculator(served, corelisters.NewPodLister(pods), 0, 0)
}

func makePod(name string, ready bool) *v1.Pod {
	status := v1.ConditionFalse
	if ready {
		status = v1.ConditionTrue
	}
	start := metav1.NewTime(time.Now().Add(-time.Hour))
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{"app": "web"}},
		Status: v1.PodStatus{
			Phase:     v1.PodRunning,
			StartTime: &start,
			Conditions: []v1.PodCondition{
				{Type: v1.PodReady, Status: status, LastTransitionTime: start}},
		},
	}
}

// client serves one external metric, and one of the pods' own.
type client struct {
	sent int64
	pods metrics.PodMetricsInfo
}

var errNotServed = errors.New("not served")

func (c client) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return []int64{c.sent}, time.Now(), nil
}

func (c client) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return c.pods, time.Now(), nil
}

func (c client) GetResourceMetric(context.Context, v1.ResourceName, string, labels.Selector, string) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errNotServed
}

func (c client) GetObjectMetric(string, string, *autoscaling.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, errNotServed
}
